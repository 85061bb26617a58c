/** A VM's status in the words of machines. */
import type { MachineState, VmStatus } from "@fastvm/contract";

const STATES: Readonly<Record<VmStatus, MachineState>> = {
  provisioning: "creating",
  running: "running",
  // It is no pause before it is whole.
  pausing: "running",
  paused: "paused",
  // A new execution of it.
  resuming: "creating",
  stopped: "error",
  deleting: "destroyed",
  error: "error",
};

export function machineState(status: VmStatus): MachineState {
  return STATES[status];
}
