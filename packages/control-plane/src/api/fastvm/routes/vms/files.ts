import { MAX_TIMER_MS, type ExecResult, type FilePresign } from "@fastvm/contract";
import { publicBase } from "../../../../http/public-base.ts";
import { clientGone } from "../../../shared/client-gone.ts";
import { ANSWERED } from "../../../shared/operation-route.ts";
import { answerSlowly, resultWithin } from "../../exec/slow-answer.ts";
import { absolute } from "./absolute-path.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";

/** What the published clients allow an upload. */
const DEFAULT_TIMEOUT_SEC = 600;

export function registerFiles({ routes, engine, config, clock }: FastvmScope): void {
  routes.serve("presignFile", async ({ params, request }, caller) => {
    const { uploadUrl, downloadUrl, lifetimeSec, maxBytes } = await engine.files.presign(
      caller,
      params.vmId,
      publicBase(config, request),
    );
    const body: FilePresign = {
      uploadUrl,
      downloadUrl,
      expiresInSec: lifetimeSec,
      maxUploadBytes: maxBytes,
    };
    return { status: 200, body };
  });
  routes.serve("fetchFile", async ({ body, params, reply }, caller) => {
    const { id } = await engine.vms.getRunning(caller, params.vmId, "files are written in a running VM");
    const object = await engine.files.admit(caller, body.url);
    const timeoutMs = (body.timeoutSec ?? DEFAULT_TIMEOUT_SEC) * 1000;
    const signal = AbortSignal.any([
      clientGone(reply),
      AbortSignal.timeout(Math.min(timeoutMs, MAX_TIMER_MS)),
    ]);
    const startedAt = clock.now();
    // Waiting for an upload that is under way counts too: clients give up when there are no headers for 60 s.
    const result = engine.files
      .writeStaged(id, absolute(body.path), object, { signal })
      .then(() => succeeded(clock.now() - startedAt));
    const early = await resultWithin(result, config.execHeadersAfterMs);
    if (early !== undefined) return { status: 200, body: early };
    await answerSlowly(reply, result, config.execWhitespaceEveryMs);
    return ANSWERED;
  });
}

/** In the shape of a command's result, which is what clients look at. */
function succeeded(durationMs: number): ExecResult {
  return {
    exitCode: 0,
    stdout: "",
    stderr: "",
    timedOut: false,
    stdoutTruncated: false,
    stderrTruncated: false,
    durationMs,
  };
}
