/** When a VM ends by itself, as its record has it: in the words of an order, and as changes. */
import type { IdlePolicy, MaxLife } from "@fastvm/contract";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";
import type { VmSettings } from "../../store/vm-settings.ts";
import { firstLifeEnd } from "../states/life-end.ts";

type LifeSettings = Pick<VmSettings, "maxLifeMs" | "maxLifeAction">;
type IdleSettings = Pick<VmSettings, "inactivityMs" | "inactivityAction" | "guestWorkCounts">;

export function lifeSettings(policy: MaxLife | null): LifeSettings {
  return { maxLifeMs: (policy?.seconds ?? 0) * 1000, maxLifeAction: policy?.action ?? "pause" };
}

export function idleSettings(policy: IdlePolicy | null): IdleSettings {
  return {
    inactivityMs: (policy?.seconds ?? 0) * 1000,
    inactivityAction: policy?.action ?? "",
    guestWorkCounts: policy?.guestWork ?? false,
  };
}

/** Of a VM that is there. What is new counts from now on; absent: it stays. */
export function replacePolicies(
  { maxLife, idle }: { readonly maxLife?: MaxLife | null; readonly idle?: IdlePolicy | null },
  now: number,
): VmChanges {
  const life = maxLife === undefined ? undefined : lifeSettings(maxLife);
  return {
    ...(life === undefined ? {} : { ...life, lifeEndsAt: firstLifeEnd(life, now) }),
    ...(idle === undefined ? {} : { ...idleSettings(idle), lastActiveAt: now }),
  };
}

/** As it was asked for. */
export function maxLifeOf({ maxLifeMs, maxLifeAction }: LifeSettings): MaxLife | undefined {
  return maxLifeMs === 0 ? undefined : { action: maxLifeAction, seconds: Math.ceil(maxLifeMs / 1000) };
}

/** The same; that of another API may have been in milliseconds. */
export function idleOf(vm: VmRecord): IdlePolicy | undefined {
  if (vm.inactivityMs === 0) return undefined;
  return {
    action: idleActionOf(vm),
    seconds: Math.ceil(vm.inactivityMs / 1000),
    ...(vm.guestWorkCounts ? { guestWork: true } : {}),
  };
}

/** Where nothing is said of it: as the end of its time to live; one that has none is kept. */
export function idleActionOf({ inactivityAction, ephemeral, ttlAction }: VmRecord): IdlePolicy["action"] {
  if (inactivityAction !== "") return inactivityAction;
  return ephemeral ? "delete" : (ttlAction ?? "pause");
}

/** When it is idle unless somebody uses it; `undefined` while it does not run. */
export function idleEndOf({ inactivityMs, lastActiveAt, status }: VmRecord): number | undefined {
  if (inactivityMs === 0 || lastActiveAt === null || status !== "running") return undefined;
  return lastActiveAt + inactivityMs;
}
