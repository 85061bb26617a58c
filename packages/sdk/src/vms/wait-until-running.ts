/** Waits for a VM to run, or to be stopped, by asking for it again and again, as every public client does. */
import { VMLaunchError, VMNotReadyError } from "../errors.ts";
import { sleep } from "../http/deadline.ts";
import type { Vm } from "./vm.ts";

export interface WaitOptions {
  /** Milliseconds between two looks, ±10 % and at least 500. Default 2000. */
  readonly pollIntervalMs?: number | undefined;
  /** Milliseconds in all, then a VMNotReadyError is thrown. Default 300,000. */
  readonly timeoutMs?: number | undefined;
}

type Waiting = WaitOptions & { readonly signal?: AbortSignal | undefined };

const DEFAULT_POLL_INTERVAL_MS = 2000;
const DEFAULT_WAIT_TIMEOUT_MS = 300_000;
/** A client that asks more often loads the server and learns nothing sooner. */
const MIN_POLL_INTERVAL_MS = 500;
const JITTER = 0.1;

/** From these a VM does not come to run by itself. */
const TERMINAL_STATUSES: ReadonlySet<string> = new Set(["error", "stopped", "deleting"]);

/** `get` fetches the VM. Throws VMLaunchError at a terminal status and VMNotReadyError when the time has passed. */
export async function waitUntilRunning(get: () => Promise<Vm>, options: Waiting = {}): Promise<Vm> {
  return await waitUntil(
    get,
    (vm) => {
      if (vm.status !== "running") failIfTerminal(vm);
      return vm.status === "running";
    },
    options,
  );
}

/** Throws VMNotReadyError when the time has passed, and what `get` throws when the VM is deleted meanwhile. */
export async function waitUntilStopped(get: () => Promise<Vm>, options: Waiting = {}): Promise<Vm> {
  return await waitUntil(get, ({ status }) => status === "stopped" || status === "error", options);
}

async function waitUntil(
  get: () => Promise<Vm>,
  isThere: (vm: Vm) => boolean,
  options: Waiting,
): Promise<Vm> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_WAIT_TIMEOUT_MS;
  const intervalMs = Math.max(options.pollIntervalMs ?? DEFAULT_POLL_INTERVAL_MS, MIN_POLL_INTERVAL_MS);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const vm = await get();
    if (isThere(vm)) return vm;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) throw new VMNotReadyError(vm.id, vm.status, timeoutMs);
    const pauseMs = intervalMs * (1 + (Math.random() * 2 - 1) * JITTER);
    await sleep(Math.min(pauseMs, leftMs), options.signal);
  }
}

export function failIfTerminal(vm: Vm): void {
  if (TERMINAL_STATUSES.has(vm.status)) throw new VMLaunchError(vm.id, vm.status, vm.statusReason);
}
