/** Files of VMs: those that are in them, and objects on their way that URLs lead to, whose holders need no key. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { FastvmError, type ErrorCode, type VmId } from "@fastvm/contract";
import { GuestFiles } from "./guest-files.ts";
import { leadGuestToUs } from "./lead-guest-to-us.ts";
import { vmDiskBytes } from "./vm-disk-bytes.ts";
import type { StagingGrant } from "../../staging/signed-urls.ts";
import { handleStaging } from "../../staging/staging-handler.ts";
import { STAGING_LIFETIME_SEC } from "../../staging/staging.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { findVm } from "../find.ts";

const ANSWERS_OF_GUESTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "file_not_found",
  "file_exists",
  "folder_not_empty",
  "not_a_directory",
  "is_a_directory",
  "permission_denied",
  "file_failed",
]);

/** Both URLs of one object. */
interface PresignedObject {
  readonly uploadUrl: string;
  readonly downloadUrl: string;
  readonly lifetimeSec: number;
  readonly maxBytes: number;
}

export class Files extends GuestFiles {
  readonly #ctx: Parts<"clock" | "config" | "log" | "staging" | "store" | "worker">;

  constructor(ctx: Parts<"clock" | "config" | "log" | "staging" | "store" | "worker">) {
    super(ctx);
    this.#ctx = ctx;
  }

  /** Of a new object for a VM. `base` is where the caller reaches us; inside the VM the URLs are good as well. */
  async presign(caller: Caller, vm: string, base: URL): Promise<PresignedObject> {
    const { staging, config, clock } = this.#ctx;
    const record = await findVm(this.#ctx, caller, vm);
    await leadGuestToUs(this.#ctx, record, base);
    const maxBytes = Math.min(vmDiskBytes(record), config.staging.bytesPerOrg);
    const grant = {
      holder: record.id,
      objectId: staging.urls.newObjectId(),
      maxBytes,
      expiresAtMs: clock.now() + STAGING_LIFETIME_SEC * 1000,
    };
    return {
      uploadUrl: base.origin + staging.urls.sign({ ...grant, method: "PUT" }),
      downloadUrl: base.origin + staging.urls.sign({ ...grant, method: "GET" }),
      lifetimeSec: STAGING_LIFETIME_SEC,
      maxBytes,
    };
  }

  /**
   * The object of a URL, for `writeStaged`. Only what we minted: any other URL would make us fetch from
   * wherever a client likes. And only for a VM of the caller's: whoever has a URL may read its
   * object, but that is no reason to put what one organisation uploaded into a VM of another.
   */
  async admit(caller: Caller, url: string): Promise<StagingGrant> {
    const { staging, clock, store } = this.#ctx;
    const parsed = URL.parse(url);
    const grant = parsed === null ? undefined : staging.urls.verify(parsed.pathname + parsed.search);
    if (grant?.method !== "GET") {
      throw new FastvmError("invalid_request", "url must be a downloadUrl of this server", { field: "url" });
    }
    if (clock.now() >= grant.expiresAtMs) throw new FastvmError("forbidden", "this URL has expired");
    const source = await store.vms.get(grant.holder as VmId);
    if (source === undefined)
      throw new FastvmError("not_found", "the VM of this URL is gone", { field: "url" });
    if (source.orgId !== caller.orgId) {
      throw new FastvmError("forbidden", "this URL was not made for a VM of yours", { field: "url" });
    }
    return grant;
  }

  /** Writes the object in a VM that runs, also one that is still being uploaded. */
  async writeStaged(
    vmId: VmId,
    path: string,
    grant: StagingGrant,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    const { staging, worker } = this.#ctx;
    try {
      const object = await staging.objects.read(grant.holder, grant.objectId, signal);
      await worker.writeFile(vmId, path, object.open(), { signal });
    } catch (error) {
      if (!signal.aborted) throw asTransferFailure(error);
      throw new FastvmError("transfer_failed", "it took too long, or the client went away", { cause: error });
    }
  }

  /** Answers a request for such a URL. Never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await handleStaging(this.#ctx.staging, request, response, "early");
  }
}

/** Clients of this route know one word for whatever a guest answers. */
function asTransferFailure(error: unknown): unknown {
  if (!(error instanceof FastvmError) || !ANSWERS_OF_GUESTS.has(error.code)) return error;
  return new FastvmError("transfer_failed", error.detail, { cause: error });
}
