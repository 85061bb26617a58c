/** A time to live in the words of machines. */
import type { Ttl, TtlAction } from "@fastvm/contract";
import type { VmRecord } from "../../../engine/engine.ts";
import { instantOf } from "./instant.ts";

type TimeoutAction = "destroy" | "hibernate";

const ACTIONS: Readonly<Record<TimeoutAction, TtlAction>> = { destroy: "delete", hibernate: "pause" };

/** The engine counts whole seconds, and nobody's machine should end too early. */
export function ttlOf(timeoutMs: number, action: TimeoutAction): Ttl {
  return { action: ACTIONS[action], seconds: Math.ceil(timeoutMs / 1000) };
}

export function timeoutActionOf(action: TtlAction): TimeoutAction {
  return action === "delete" ? "destroy" : "hibernate";
}

export function leaseView(vm: VmRecord, now: number) {
  return {
    timeout_ms: (vm.ttlSeconds ?? 0) * 1000,
    timeout_action: timeoutActionOf(vm.ttlAction ?? "delete"),
    timeout_at: instantOf(runningUntil(vm)),
    remaining_ms: remainingMs(vm, now) ?? 0,
  };
}

/** null while the time does not run. */
export function runningUntil({ status, expiresAt }: VmRecord): number | null {
  return status === "running" ? expiresAt : null;
}

export function remainingMs(vm: VmRecord, now: number): number | null {
  const until = runningUntil(vm);
  return until === null ? vm.ttlRemainingMs : Math.max(0, until - now);
}
