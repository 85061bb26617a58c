/** What a VM's policies say of it: whether it is to end by itself now, how, and why. */
import type { PolicyAction } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { idleActionOf } from "../vms/lifecycle-policy.ts";

export interface Verdict {
  /** The actor of what follows, by which events name the policy. */
  readonly cause: "max-life" | "idle" | "paused-too-long";
  readonly action: PolicyAction;
  /** For people. */
  readonly reason: string;
}

/** `undefined`: it lives on. */
export function judge(ctx: Parts<"activity">, vm: VmRecord, now: number): Verdict | undefined {
  const verdict = ofLife(vm, now) ?? ofIdleness(ctx, vm, now) ?? ofPause(vm, now);
  if (verdict === undefined || vm.status === "running") return verdict;
  // What is on its way between two states gets there first.
  const isAtRest = vm.status === "paused" || vm.status === "stopped" || vm.status === "error";
  return isAtRest ? verdict : undefined;
}

function ofLife(vm: VmRecord, now: number): Verdict | undefined {
  const { lifeEndsAt, maxLifeMs, maxLifeAction, status } = vm;
  if (lifeEndsAt === null || lifeEndsAt > now) return undefined;
  // Whatever else is at rest already.
  if (status !== "running" && maxLifeAction !== "delete") return undefined;
  const reason = `Its life of at most ${seconds(maxLifeMs)} was over`;
  return { cause: "max-life", action: maxLifeAction, reason };
}

/** Records may be seconds behind: what is known of its uses here counts. */
function ofIdleness(ctx: Parts<"activity">, vm: VmRecord, now: number): Verdict | undefined {
  const { id, status, inactivityMs, lastActiveAt } = vm;
  if (inactivityMs === 0 || status !== "running") return undefined;
  const lastUsed = ctx.activity.lastUsed(id, lastActiveAt);
  if (lastUsed === null || lastUsed + inactivityMs > now) return undefined;
  const reason = `Nobody used it for ${seconds(inactivityMs)}`;
  return { cause: "idle", action: idleActionOf(vm), reason };
}

function ofPause({ status, autoDeleteMs, pausedAt }: VmRecord, now: number): Verdict | undefined {
  if (status !== "paused" || autoDeleteMs === 0 || pausedAt === null) return undefined;
  if (pausedAt + autoDeleteMs > now) return undefined;
  const reason = `It was paused for ${seconds(autoDeleteMs)}`;
  return { cause: "paused-too-long", action: "delete", reason };
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
