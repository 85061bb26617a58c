/** The guest's own word before a policy ends its VM: a program that its image may have, and that is waited for, but not for ever. */
import type { VmId } from "@fastvm/contract";
import type { Parts } from "../context.ts";
import type { Verdict } from "./verdict.ts";

const HOOK = "/etc/fastvm/before-stop";
/** The guest ends the command when its time is over; one that does not even answer gets so much more. */
const SILENCE_MS = 2_000;
/** What a shell says of a program that is not there, or not to be run: the guest has no hook. */
const NO_PROGRAM: ReadonlySet<number> = new Set([126, 127]);

/** Resolves when the hook has ended, however it did: it may put in order, and not object. Rejects when `signal` says so. */
export async function runBeforeStop(
  ctx: Parts<"config" | "log" | "unnoticed">,
  vmId: VmId,
  { action, cause }: Verdict,
  signal: AbortSignal,
): Promise<void> {
  const { beforeStopMs } = ctx.config;
  const spec = {
    command: [HOOK, action, cause],
    env: { FASTVM_ACTION: action, FASTVM_CAUSE: cause },
    cwd: "/",
    timeoutMs: beforeStopMs,
  };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(beforeStopMs + SILENCE_MS)]);
  try {
    for await (const event of await ctx.unnoticed.exec(vmId, spec, { signal: limit })) {
      if (event.kind !== "exit" || event.exitCode === 0 || NO_PROGRAM.has(event.exitCode)) continue;
      const { exitCode, timedOut } = event;
      ctx.log.warn({ vmId, exitCode, timedOut }, "what a guest does before its end did not succeed");
    }
  } catch (error) {
    signal.throwIfAborted();
    ctx.log.warn({ err: error, vmId }, "what a guest does before its end could not be waited for");
  }
}
