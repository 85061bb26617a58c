/** A new network policy: in force when this resolves. One that does not run keeps it for its next life. */
import { isDeepStrictEqual } from "node:util";
import { FastvmError, step } from "@fastvm/contract";
import type { NetworkPolicy } from "@fastvm/contract";
import { writeJournal } from "../../journal/journal.ts";
import { networkOf } from "../state/holdings.ts";
import { folderOf, isAtRest } from "../state/folder-of.ts";
import type { Vm } from "../state/vm.ts";
import type { Parts } from "../state/worker-context.ts";

/** Those of which a change failed: what is in force may be neither the old policy nor the new one. */
const doubtful = new WeakSet<Vm>();

export async function setNetworkPolicy(
  context: Parts<"config" | "intercepted" | "network">,
  vm: Vm,
  policy: NetworkPolicy,
): Promise<void> {
  if (vm.record.phase === "paused" || isAtRest(vm.record)) {
    const record = { ...vm.record, policy };
    await writeJournal(folderOf(context.config, vm), record);
    vm.become(record);
    return;
  }
  if (vm.record.network !== undefined && context.network === undefined) {
    throw new FastvmError("network_failed", "this daemon was started with --network none");
  }
  const before = vm.record.policy;
  // The journal's is in force. A control plane that was started anew tells each VM's, and each change of the kernel's rules takes its time.
  if (isDeepStrictEqual(before, policy) && !doubtful.has(vm)) return;
  // Written first: after a crash in between, the restarted worker enforces the new one.
  await vm.update({ policy });
  await step("policy.recorded");
  const vmNetwork = networkOf(context, vm);
  doubtful.add(vm);
  try {
    if (vmNetwork !== undefined) await context.network?.update(vmNetwork, policy);
    const guest = context.intercepted.of(vm.vmId);
    if (vmNetwork !== undefined && guest !== undefined) await context.network?.intercept(vmNetwork, guest);
    await step("policy.enforced");
    doubtful.delete(vm);
  } catch (error) {
    await vm.change(({ policy: _refused, ...rest }) => (before ? { ...rest, policy: before } : rest));
    throw error;
  }
}
