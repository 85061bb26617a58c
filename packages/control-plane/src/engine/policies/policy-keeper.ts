/** Ends VMs as their policies say: whose life is over, that nobody uses, that have been paused for too long. */
import type { VmId } from "@fastvm/contract";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { deleteVm, type DeleteVmContext } from "../vms/delete.ts";
import { pauseVm } from "../vms/pause.ts";
import { stopVm } from "../vms/stop.ts";
import { runBeforeStop } from "./before-stop.ts";
import { GuestWork } from "./guest-work.ts";
import { judge, type Verdict } from "./verdict.ts";

/** Of each kind. What could not be ended must not keep the others from being seen. */
const MAX_SEEN = 256;
/** At once; the others follow with the next look. */
const MAX_AT_ONCE = 16;
/** Until one that could not be ended, or whose end takes long, is looked at again: its guest is asked each time. */
const AGAIN_MS = 60_000;

type PolicyContext = DeleteVmContext & Parts<"activity" | "config" | "log" | "unnoticed">;

export class PolicyKeeper {
  readonly #ctx: PolicyContext;
  readonly #work = new GuestWork();
  readonly #notBefore = new Map<VmId, number>();
  /** Under way: a guest that takes long holds up no other VM's end. */
  readonly #ending = new Map<VmId, Promise<void>>();

  constructor(ctx: PolicyContext) {
    this.#ctx = ctx;
  }

  /** One round, which begins what is due. Aborted, guests are not waited for, and what has not begun does not. */
  async look(signal: AbortSignal): Promise<void> {
    const { activity, clock, store } = this.#ctx;
    await this.#work.look(this.#ctx);
    // First: the records must not say that somebody is idle who is not.
    await activity.writeDown();
    const now = clock.now();
    for (const [vmId, at] of this.#notBefore) if (at <= now) this.#notBefore.delete(vmId);
    const found = [
      ...(await store.vms.listLifeOver(now, MAX_SEEN)),
      ...(await store.vms.listIdle(now, MAX_SEEN)),
      ...(await store.vms.listPausedTooLong(now, MAX_SEEN)),
    ];
    for (const vm of found) {
      if (this.#ending.size >= MAX_AT_ONCE) return;
      if (this.#notBefore.has(vm.id) || this.#ending.has(vm.id)) continue;
      const ending = this.#end(vm, signal).finally(() => this.#ending.delete(vm.id));
      this.#ending.set(vm.id, ending);
    }
  }

  /** After the last round, aborted. */
  async close(): Promise<void> {
    await Promise.all(this.#ending.values());
  }

  async #end(found: VmRecord, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#ctx;
    try {
      const vm = await this.#afterHook(found, signal);
      const verdict = vm && judge(this.#ctx, vm, clock.now());
      if (vm !== undefined && verdict !== undefined && !(await this.#carryOut(vm, verdict)))
        this.#notBefore.set(vm.id, clock.now() + AGAIN_MS);
    } catch (error) {
      if (signal.aborted) return;
      this.#notBefore.set(found.id, clock.now() + AGAIN_MS);
      log.warn({ err: error, vmId: found.id }, "a VM could not be ended as its policy says");
    }
  }

  /** As it is when its guest has had its word: it may have been used meanwhile, or be gone. */
  async #afterHook(vm: VmRecord, signal: AbortSignal): Promise<VmRecord | undefined> {
    const verdict = judge(this.#ctx, vm, this.#ctx.clock.now());
    if (verdict === undefined) return undefined;
    if (vm.status === "running") await runBeforeStop(this.#ctx, vm.id, verdict, signal);
    signal.throwIfAborted();
    const now = await this.#ctx.store.vms.get(vm.id);
    return now?.generation === vm.generation ? now : undefined;
  }

  /** Whether it has been. */
  async #carryOut(vm: VmRecord, { action, cause, reason }: Verdict): Promise<boolean> {
    if (action === "delete") {
      const isStillMeant = (now: VmRecord): boolean =>
        now.generation === vm.generation && judge(this.#ctx, now, this.#ctx.clock.now())?.action === action;
      await deleteVm(this.#ctx, vm, cause, { reason, isStillMeant });
      return true;
    }
    const ended =
      action === "stop"
        ? await stopVm(this.#ctx, vm, { reason }, cause)
        : await pauseVm(this.#ctx, vm, cause, reason);
    return ended.status !== "running";
  }
}
