/** The VM's state machine, as data: which change may start from where, and where it leads. */
import { VM_STATUSES, type VmStatus } from "@fastvm/contract";

export interface Transition {
  readonly from: readonly VmStatus[];
  readonly to: VmStatus;
}

export const VM_TRANSITIONS = {
  launch_succeeded: { from: ["provisioning"], to: "running" },
  launch_failed: { from: ["provisioning"], to: "error" },
  pause_started: { from: ["running"], to: "pausing" },
  pause_succeeded: { from: ["pausing"], to: "paused" },
  pause_failed: { from: ["pausing"], to: "running" },
  expired: { from: ["running"], to: "paused" },
  resume_started: { from: ["paused"], to: "resuming" },
  resume_succeeded: { from: ["resuming"], to: "running" },
  resume_failed: { from: ["resuming"], to: "paused" },
  stop_succeeded: { from: ["running", "pausing", "provisioning"], to: "stopped" },
  // By itself: its guest powered off, or its host was shut down.
  guest_stopped: { from: ["running", "pausing"], to: "stopped" },
  // Clients that know no stops take `stopped` for the end, so what goes on from there is `provisioning` at once.
  start_started: { from: ["stopped", "error"], to: "provisioning" },
  restart_started: { from: ["running"], to: "provisioning" },
  rebooted: { from: ["running", "pausing"], to: "provisioning" },
  start_succeeded: { from: ["provisioning"], to: "running" },
  start_failed: { from: ["provisioning"], to: "stopped" },
  vm_failed: {
    from: ["provisioning", "running", "pausing", "paused", "resuming", "stopped"],
    to: "error",
  },
  delete_started: { from: VM_STATUSES.filter((status) => status !== "deleting"), to: "deleting" },
  // The worker's word counts, also of one that was taken for lost.
  found_running: {
    from: ["provisioning", "pausing", "paused", "resuming", "stopped", "error"],
    to: "running",
  },
  found_paused: {
    from: ["provisioning", "running", "pausing", "resuming", "stopped", "error"],
    to: "paused",
  },
  found_stopped: {
    from: ["provisioning", "running", "pausing", "paused", "resuming", "error"],
    to: "stopped",
  },
} as const satisfies Record<string, Transition>;

export type VmTransition = keyof typeof VM_TRANSITIONS;
