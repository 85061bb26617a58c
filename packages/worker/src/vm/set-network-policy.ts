/** A new network policy: in force when this resolves. A paused VM keeps it for its next life. */
import { FastvmError, step } from "@fastvm/contract";
import type { NetworkPolicy } from "@fastvm/contract";
import { writeJournal } from "../journal/journal.ts";
import { networkOf } from "./holdings.ts";
import type { Vm } from "./vm.ts";
import { pausedFolder } from "./worker-context.ts";
import type { WorkerContext } from "./worker-context.ts";

export async function setNetworkPolicy(context: WorkerContext, vm: Vm, policy: NetworkPolicy): Promise<void> {
  if (vm.record.phase === "paused") {
    const record = { ...vm.record, policy };
    await writeJournal(pausedFolder(context.config, vm.vmId), record);
    vm.become(record);
    return;
  }
  if (vm.record.network !== undefined && context.network === undefined) {
    throw new FastvmError("network_failed", "this daemon was started with --network none");
  }
  const before = vm.record.policy;
  // Written first: after a crash in between, the restarted worker enforces the new one.
  await vm.update({ policy });
  await step("policy.recorded");
  const slot = networkOf(context, vm);
  try {
    if (slot !== undefined) await context.network?.update(slot, policy);
    await step("policy.enforced");
  } catch (error) {
    await vm.change(({ policy: _refused, ...rest }) => (before ? { ...rest, policy: before } : rest));
    throw error;
  }
}
