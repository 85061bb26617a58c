/** When a running VM is to be paused or deleted unasked: in its journal, so that it holds for the next daemon, too. */
import { step } from "@fastvm/contract";
import type { VmDeadline } from "@fastvm/contract";
import type { Vm } from "../state/vm.ts";

export async function setDeadline(vm: Vm, deadline: VmDeadline | null): Promise<void> {
  vm.requireRunning();
  const before = vm.record.deadline;
  if (before?.atMs === deadline?.atMs && before?.action === deadline?.action) return;
  await vm.change(({ deadline: _before, ...rest }) => (deadline === null ? rest : { ...rest, deadline }));
  await step("deadline.recorded");
}
