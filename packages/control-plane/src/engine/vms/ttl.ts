/** The arithmetic of times to live: they run only while the VM does, and freeze when it is paused. */
import { FastvmError, type Ttl, type VmDeadline, type VmTtl } from "@fastvm/contract";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";
import { wrongState } from "../states/wrong-state.ts";

type TtlState = Pick<VmRecord, "ttlAction" | "ttlSeconds" | "ttlRemainingMs" | "expiresAt">;

/** Of a VM that does not run yet: the whole time is left. */
export function initialTtl(ttl: Ttl | undefined): TtlState {
  return {
    ttlAction: ttl?.action ?? null,
    ttlSeconds: ttl?.seconds ?? null,
    ttlRemainingMs: ttl === undefined ? null : ttl.seconds * 1000,
    expiresAt: null,
  };
}

/** As it was asked for. */
export function ttlOf({ ttlAction, ttlSeconds }: TtlState): Ttl | undefined {
  return ttlAction === null || ttlSeconds === null ? undefined : { action: ttlAction, seconds: ttlSeconds };
}

/** The VM begins to run. */
export function thawTtl(vm: TtlState, now: number): Pick<VmChanges, "ttlRemainingMs" | "expiresAt"> {
  if (vm.ttlSeconds === null) return {};
  return { ttlRemainingMs: null, expiresAt: now + (vm.ttlRemainingMs ?? vm.ttlSeconds * 1000) };
}

/** What a worker that starts the VM is given; `undefined` without one. */
export function ttlToStart({ ttlAction, ttlSeconds, ttlRemainingMs }: TtlState): VmTtl | undefined {
  if (ttlAction === null || ttlSeconds === null) return undefined;
  return { action: ttlAction, remainingMs: ttlRemainingMs ?? ttlSeconds * 1000 };
}

/** Of a VM that runs. */
export function deadlineOf({ ttlAction, expiresAt }: TtlState): VmDeadline | undefined {
  return ttlAction === null || expiresAt === null ? undefined : { action: ttlAction, atMs: expiresAt };
}

/** The VM stopped running. A time that is over starts whole the next time: it was for one session. */
export function freezeTtl(vm: TtlState, now: number): Pick<VmChanges, "ttlRemainingMs" | "expiresAt"> {
  if (vm.ttlSeconds === null) return {};
  const left = vm.expiresAt === null ? vm.ttlRemainingMs : vm.expiresAt - now;
  const whole = vm.ttlSeconds * 1000;
  return { ttlRemainingMs: left === null || left <= 0 ? whole : left, expiresAt: null };
}

/** A new time to live, or none, from now on. */
export function replaceTtl(vm: VmRecord, ttl: Ttl | null, now: number): VmChanges {
  const fresh = initialTtl(ttl ?? undefined);
  return vm.status === "running" ? { ...fresh, ...thawTtl(fresh, now) } : fresh;
}

/** The same time from its start. Throws `ttl_not_set`, or `vm_wrong_state` for a VM on its way between two states. */
export function refreshTtl(vm: VmRecord, now: number): VmChanges {
  const { ttlAction, ttlSeconds } = vm;
  if (ttlAction === null || ttlSeconds === null) throw new FastvmError("ttl_not_set");
  if (vm.status !== "running" && vm.status !== "paused" && vm.status !== "stopped") {
    throw wrongState(vm, "only a running, paused or stopped VM has a time to refresh");
  }
  return replaceTtl(vm, { action: ttlAction, seconds: ttlSeconds }, now);
}
