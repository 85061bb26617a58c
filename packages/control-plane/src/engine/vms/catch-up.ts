/** What changed in a record while its VM was being started, which the worker was told of as it was before. */
import type { VmRecord } from "../../store/vm-repository.ts";
import { authorizedKeysOf, installKeys } from "../keys/authorized-keys.ts";
import type { LifecycleContext } from "../context.ts";
import { tellDeadline } from "./deadline.ts";
import { catchUpNetwork } from "../network/change-network.ts";
import type { StartOrder } from "./start-order.ts";

/** `before` and `told` are what the worker was given. Never fails: the VM runs. */
export async function catchUp(
  ctx: LifecycleContext,
  before: VmRecord,
  told: StartOrder,
  running: VmRecord,
): Promise<void> {
  await catchUpNetwork(ctx, told.network, running);
  try {
    // Also when nothing changed: the instant that clients are shown is then exactly the worker's.
    if (before.ttlSeconds !== null || running.ttlSeconds !== null) await tellDeadline(ctx, running.id);
    const keys = await authorizedKeysOf(ctx, running);
    if (keys.join("\n") !== told.identity.authorizedKeys.join("\n")) await installKeys(ctx, running.id);
  } catch (error) {
    ctx.log.warn({ err: error, vmId: running.id }, "what changed while a VM started could not be applied");
  }
}
