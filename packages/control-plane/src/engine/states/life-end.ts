/** The arithmetic of maximum lives: they go on while the VM is paused or stopped, and one that is over begins anew with the next start. */
import type { VmStatus } from "@fastvm/contract";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";

/** Of a VM whose maximum counts from now on. */
export function firstLifeEnd({ maxLifeMs }: Pick<VmRecord, "maxLifeMs">, now: number): number | null {
  return maxLifeMs === 0 ? null : now + maxLifeMs;
}

/** On its way into a status. What is over is so for the session that ends here: the next one is to be more than a moment. */
export function lifeEndIn(
  status: VmStatus,
  vm: Pick<VmRecord, "lifeEndsAt" | "maxLifeAction" | "maxLifeMs" | "status">,
  now: number,
): Pick<VmChanges, "lifeEndsAt"> {
  const isOver = vm.lifeEndsAt === null || vm.lifeEndsAt <= now;
  if (vm.maxLifeMs === 0 || !isOver) return {};
  // One that could not be paused runs on, and is still to be ended.
  if (status === "running") return vm.status === "pausing" ? {} : { lifeEndsAt: firstLifeEnd(vm, now) };
  const isAtRest = status === "paused" || status === "stopped";
  return isAtRest && vm.maxLifeAction !== "delete" ? { lifeEndsAt: null } : {};
}
