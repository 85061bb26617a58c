/** A VM of a pool becomes somebody's: in one transaction, with the order's key, so that it is one order's whoever ends when. */
import { step, type Ttl, type VmId } from "@fastvm/contract";
import type { Records } from "../../store/records.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { WarmPoolRecord } from "../../store/warm-pool-repository.ts";
import { actorOf, type Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import { madeUnderKey, takeOrderKey, type OrderKey } from "../orders/order-keys.ts";
import { tellOwed, type OwedContext } from "../owed/tell-owed.ts";
import { firstLifeEnd } from "../states/life-end.ts";
import { recordVmEvent } from "../states/transition-vm.ts";
import { DEADLINE } from "../vms/deadline.ts";
import { replaceTtl } from "../vms/ttl.ts";

/** What of an order a VM that runs already can still be given. */
export interface CheckoutOrder {
  readonly settings: Pick<VmRecord, "metadata" | "inactivityMs" | "autoDeleteMs" | "ephemeral">;
  readonly ttl: Ttl | undefined;
  readonly key?: OrderKey | undefined;
}

export type CheckoutContext = OwedContext & Parts<"log">;

/** `undefined`: there is none that is ready. */
export async function checkOut(
  ctx: CheckoutContext,
  caller: Caller,
  pool: WarmPoolRecord,
  order: CheckoutOrder,
): Promise<VmRecord | undefined> {
  const taken = await ctx.store.transaction((records) => take(ctx, records, caller, pool, order));
  await step("control.pool.checked-out");
  if (taken === undefined) return undefined;
  // What the worker does not take is owed: it is told again until it does.
  await tellOwed(ctx, [DEADLINE], taken.id).catch((error: unknown) => {
    ctx.log.warn({ err: error, vmId: taken.id }, "the time to live of a VM from a pool could not be told");
  });
  return taken;
}

async function take(
  { clock }: Parts<"clock">,
  records: Records,
  caller: Caller,
  { id, generation }: WarmPoolRecord,
  { settings, ttl, key }: CheckoutOrder,
): Promise<VmRecord | undefined> {
  const at = clock.now();
  const earlier = key && (await madeUnderKey(records, caller, key, at));
  const made = earlier === undefined ? undefined : await records.vms.get(earlier as VmId);
  if (made !== undefined) return made;
  const pool = await records.warmPools.get(id);
  if (pool?.state !== "enabled" || pool.generation !== generation) return undefined;
  for (const candidate of await records.vms.listOfPool(id)) {
    if (candidate.status !== "running" || candidate.poolGeneration !== generation) continue;
    const vm = await records.vms.takeOutOfPool(candidate, {
      ...settings,
      ...replaceTtl(candidate, ttl ?? null, at),
      createdAt: at,
      lastActiveAt: at,
      lifeEndsAt: firstLifeEnd(candidate, at),
    });
    if (vm === undefined) continue;
    if (key !== undefined) await takeOrderKey(records, caller, key, vm.id, at, async () => true);
    if (vm.expiresAt !== null) await records.owed.put(vm.id, "deadline");
    const by = { actor: actorOf(caller), at };
    await recordVmEvent(records, vm, vm.status, vm.status, "checkout_requested", by);
    await recordVmEvent(records, vm, vm.status, vm.status, "checked_out", by);
    await records.warmPools.count(id, "hits");
    return vm;
  }
  return undefined;
}
