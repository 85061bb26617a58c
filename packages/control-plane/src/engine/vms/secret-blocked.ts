/** A guest sent the placeholder of a secret where that does not go. What is told of it is the secret's name. */
import type { WorkerEvent } from "@fastvm/contract";
import { SYSTEM_ACTOR } from "../caller.ts";
import { recordVmEvent } from "../states/transition-vm.ts";
import type { StartVmContext } from "./start-order.ts";
import { stopVm } from "./stop.ts";

const REASONS = {
  host: "which is none of its hosts",
  no_name: "which nobody named",
  not_resolved: "an address that the VM was not told for that name",
  plain_http: "in the clear",
  http2_body: "in a body over HTTP/2",
  too_large: "in a body that is too large",
} as const;

export async function recordBlocked(
  ctx: StartVmContext,
  { vmId, blocked }: Extract<WorkerEvent, { kind: "secret_blocked" }>,
): Promise<void> {
  const { secret, host, reason: why, action } = blocked;
  if (action === "block") return;
  const reason = `the secret ${secret} was sent to ${host}, ${REASONS[why]}`;
  ctx.log.warn({ vmId, secret, host, reason: why }, "a request with a secret's placeholder was blocked");
  const vm = await ctx.store.transaction(async (records) => {
    const found = await records.vms.lock(vmId);
    if (found === undefined) return undefined;
    const by = { actor: SYSTEM_ACTOR, at: ctx.clock.now(), reason };
    await recordVmEvent(records, found, found.status, found.status, "secret_blocked", by);
    return found;
  });
  if (action !== "block_and_terminate" || vm === undefined) return;
  // Not waited for: whoever follows the worker has more to hear.
  void stopVm(ctx, vm, { graceMs: 0 }, SYSTEM_ACTOR).catch((error: unknown) => {
    ctx.log.error({ err: error, vmId }, "a VM that was to end for what it sent runs on");
  });
}
