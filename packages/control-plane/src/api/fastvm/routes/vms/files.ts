import type { ExecResult, FilePresign, VmId } from "@fastvm/contract";
import { FastvmError } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { ANSWERED, serve } from "../../../shared/operation-route.ts";
import { clientGone } from "../../../shared/client-gone.ts";
import { answerSlowly, resultWithin } from "../../exec/slow-answer.ts";
import { publicBase } from "../../../../http/public-base.ts";
import type { Caller } from "../../../../engine/caller.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import { wrongState } from "../../../../engine/vms/wrong-state.ts";
import { leadGuestToUs } from "../../../../staging/lead-guest-to-us.ts";
import type { StagingGrant } from "../../../../staging/signed-urls.ts";
import { STAGING_LIFETIME_SEC } from "../../../../staging/staging.ts";
import { findVm } from "../../../../engine/find.ts";

const GIB = 1024 ** 3;
/** Where relative paths begin, as for commands. */
const HOME = "/root";
/** What the published clients allow an upload. */
const DEFAULT_TIMEOUT_SEC = 600;

export function registerFiles(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "presignFile", async ({ params, request }, caller) => {
    const vm = await findVm(ctx, caller, params.vmId);
    const base = publicBase(ctx.config, request);
    await leadGuestToUs(ctx, vm, base);
    return {
      status: 200,
      body: presign(ctx, vm.id, Math.min(vm.diskGib * GIB, ctx.config.staging.bytesPerOrg), base.origin),
    };
  });
  serve(app, ctx.store, "fetchFile", async ({ body, params, reply }, caller) => {
    const vm = await findVm(ctx, caller, params.vmId);
    if (vm.status !== "running") throw wrongState(vm, "files are written in a running VM");
    const grant = await admit(ctx, caller, body.url);
    const timeoutMs = (body.timeoutSec ?? DEFAULT_TIMEOUT_SEC) * 1000;
    const signal = AbortSignal.any([clientGone(reply), AbortSignal.timeout(timeoutMs)]);
    // Waiting for an upload that is under way counts too: clients give up when there are no headers for 60 s.
    const result = write(ctx, vm.id, absolute(body.path), grant, signal);
    const early = await resultWithin(result, ctx.config.execHeadersAfterMs);
    if (early !== undefined) return { status: 200, body: early };
    await answerSlowly(reply, result, ctx.config.execWhitespaceEveryMs);
    return ANSWERED;
  });
}

function presign(ctx: LifecycleContext, vmId: VmId, maxBytes: number, base: string): FilePresign {
  const { urls } = ctx.staging;
  const grant = {
    vmId,
    objectId: urls.newObjectId(),
    maxBytes,
    expiresAtMs: ctx.clock.now() + STAGING_LIFETIME_SEC * 1000,
  };
  return {
    uploadUrl: base + urls.sign({ ...grant, method: "PUT" }),
    downloadUrl: base + urls.sign({ ...grant, method: "GET" }),
    expiresInSec: STAGING_LIFETIME_SEC,
    maxUploadBytes: maxBytes,
  };
}

/**
 * Only what we minted: any other URL would make us fetch from wherever a client likes. And only for a VM of the caller's: whoever has a URL may read its
 * object, but that is no reason to put what one organisation uploaded into a VM of another.
 */
async function admit(ctx: LifecycleContext, caller: Caller, url: string): Promise<StagingGrant> {
  const parsed = URL.parse(url);
  const grant = parsed === null ? undefined : ctx.staging.urls.verify(parsed.pathname + parsed.search);
  if (grant?.method !== "GET") {
    throw new FastvmError("invalid_request", "url must be a downloadUrl of this server", { field: "url" });
  }
  if (ctx.clock.now() >= grant.expiresAtMs) throw new FastvmError("forbidden", "this URL has expired");
  const source = await ctx.store.vms.get(grant.vmId);
  if (source === undefined)
    throw new FastvmError("not_found", "the VM of this URL is gone", { field: "url" });
  if (source.orgId !== caller.orgId) {
    throw new FastvmError("forbidden", "this URL was not made for a VM of yours", { field: "url" });
  }
  return grant;
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${HOME}/${path}`;
}

/** In the shape of a command's result, which is what clients look at. */
async function write(
  ctx: LifecycleContext,
  vmId: VmId,
  path: string,
  grant: StagingGrant,
  signal: AbortSignal,
): Promise<ExecResult> {
  const startedAt = ctx.clock.now();
  try {
    const object = await ctx.staging.objects.read(grant.vmId, grant.objectId, signal);
    await ctx.worker.writeFile(vmId, path, object.open(), { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new FastvmError("transfer_failed", "it took too long, or the client went away", { cause: error });
  }
  return {
    exitCode: 0,
    stdout: "",
    stderr: "",
    timedOut: false,
    stdoutTruncated: false,
    stderrTruncated: false,
    durationMs: ctx.clock.now() - startedAt,
  };
}
