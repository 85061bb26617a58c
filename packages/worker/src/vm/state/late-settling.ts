/**
 * Syncs that of a VM that is not strict by which it is found again when its host has lost power, to be started from its disk once that
 * passes its check: a moment after it has changed, so that nobody waits for it. What its guest writes since is not synced by that.
 */
import { isErrno } from "../../files/errno.ts";
import { isStrict, settleFrozen, settleRecord, settleTop } from "./durability.ts";
import type { Vm } from "./vm.ts";
import type { Parts } from "./worker-context.ts";

/** Many VMs live no longer than this, and cost the disk nothing. */
const SETTLE_EVERY_MS = 1_000;

/** Until the worker ends. */
export function settleLate(context: Parts<"ending" | "onError" | "vms">): void {
  const settling = new LateSettling(context);
  const timer = setInterval(() => void settling.settleAll(), SETTLE_EVERY_MS);
  timer.unref();
  context.ending.addEventListener("abort", () => clearInterval(timer), { once: true });
}

export class LateSettling {
  readonly #context: Parts<"onError" | "vms">;
  /** Its newest layer is synced once: what has changed since is the guest's. */
  readonly #tops = new WeakMap<Vm, string>();
  #isSettling = false;

  constructor(context: Parts<"onError" | "vms">) {
    this.#context = context;
  }

  /** One after the other: each waits for the disk, and others do, too. */
  async settleAll(): Promise<void> {
    if (this.#isSettling) return;
    this.#isSettling = true;
    const due = [...this.#context.vms.values()].filter(isDue);
    for (const vm of due) await this.#try(() => this.#settleNames(vm));
    // What was the newest until a fork, with all that its guest had written, is its children's, too. These may be gigabytes, and what is
    // known of the other VMs does not wait for them.
    for (const vm of due) await this.#try(() => settleFrozen(vm));
    this.#isSettling = false;
  }

  async #settleNames(vm: Vm): Promise<void> {
    const top = vm.record.chain.at(-1);
    // First: what changes meanwhile is the next turn's. And what failed is told once, not each second.
    vm.isSettled = true;
    if (this.#tops.get(vm) !== top) await settleTop(vm);
    await settleRecord(vm);
    if (top !== undefined) this.#tops.set(vm, top);
  }

  async #try(settle: () => Promise<void>): Promise<void> {
    try {
      await settle();
    } catch (error) {
      // It has been paused, stopped or deleted meanwhile.
      if (!isErrno(error, "ENOENT", "ENOTDIR")) this.#context.onError(error);
    }
  }
}

function isDue(vm: Vm): boolean {
  return !vm.isSettled && vm.record.phase === "running" && !isStrict(vm.record);
}
