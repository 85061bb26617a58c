/**
 * Orders of VMs whose connections are intercepted. They hold secrets, so they are in memory alone: the control plane tells them before a
 * VM begins to run, and again after this daemon was started anew.
 */
import type { InterceptionOrder, VmId, WorkerEvent } from "@fastvm/contract";
import type { InterceptedGuest } from "../../network/network.ts";
import { trustIn } from "../../trust/trust.ts";
import type { Trust } from "../../trust/trust.ts";

/** A guest that sends the same again and again is told of once in a while. */
const SAME_AGAIN_MS = 60_000;
/** Of those that a VM was told of lately; beyond them it tells nothing new. */
const MAX_TOLD = 256;

export class Intercepted {
  readonly #orders = new Map<VmId, InterceptionOrder>();
  /** When a VM's blocked request was told of last, by what it was. */
  readonly #told = new Map<VmId, Map<string, number>>();
  readonly #emit: (event: WorkerEvent) => void;

  constructor(emit: (event: WorkerEvent) => void) {
    this.#emit = emit;
  }

  set(vmId: VmId, order: InterceptionOrder | null): void {
    if (order === null) this.forget(vmId);
    else this.#orders.set(vmId, order);
  }

  forget(vmId: VmId): void {
    this.#orders.delete(vmId);
    this.#told.delete(vmId);
  }

  of(vmId: VmId): InterceptedGuest | undefined {
    const order = this.#orders.get(vmId);
    return order && { order, blocked: (blocked) => this.#blocked(vmId, blocked) };
  }

  /** Whom a guest is to trust: the daemon's anchors, and its organisation's authority where its connections are intercepted. */
  trustOf(vmId: VmId, common: Trust | undefined): Trust | undefined {
    const order = this.#orders.get(vmId);
    if (order === undefined) return common;
    return trustIn([...(common?.anchors ?? []), { purpose: "egress", pem: order.authority.certificate }]);
  }

  #blocked(vmId: VmId, blocked: Parameters<InterceptedGuest["blocked"]>[0]): void {
    const told = this.#told.get(vmId) ?? new Map<string, number>();
    this.#told.set(vmId, told);
    const key = JSON.stringify([blocked.secret, blocked.host, blocked.reason, blocked.action]);
    const now = Date.now();
    const isNew = (told.get(key) ?? 0) + SAME_AGAIN_MS <= now;
    if (!isNew && blocked.action !== "block_and_terminate") return;
    for (const [old, at] of told) if (at + SAME_AGAIN_MS <= now) told.delete(old);
    if (told.size >= MAX_TOLD && blocked.action !== "block_and_terminate") return;
    told.set(key, now);
    this.#emit({ kind: "secret_blocked", vmId, blocked });
  }
}
