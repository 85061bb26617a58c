/** Changes a part of a VM's record: read and written in one transaction, so that two changes at once do not undo each other. */
import { FastvmError } from "@fastvm/contract";
import { actorOf, type Caller } from "../caller.ts";
import type { Parts } from "../context.ts";
import type { OwedKind } from "../../store/schema.ts";
import type { VmChanges, VmRecord } from "../../store/vm-repository.ts";
import { findVm } from "../find.ts";
import { recordVmEvent } from "../states/transition-vm.ts";

/** `owes`: the part of which the worker is to be told afterwards. */
export async function changeVm(
  ctx: Parts<"clock" | "store">,
  caller: Caller,
  reference: string,
  change: (vm: VmRecord) => VmChanges,
  owes?: OwedKind,
): Promise<VmRecord> {
  const { id } = await findVm(ctx, caller, reference);
  const changed = await ctx.store.transaction(async (records) => {
    const vm = await records.vms.lock(id);
    if (vm === undefined) return undefined;
    const changes = change(vm);
    if (owes !== undefined) await records.owed.put(id, owes);
    if (owes === "deadline") {
      const by = { actor: actorOf(caller), at: ctx.clock.now() };
      await recordVmEvent(records, vm, vm.status, vm.status, "ttl_changed", by);
    }
    return Object.keys(changes).length === 0 ? vm : records.vms.update(id, changes);
  });
  if (changed === undefined) throw new FastvmError("not_found", "the VM was deleted meanwhile");
  return changed;
}
