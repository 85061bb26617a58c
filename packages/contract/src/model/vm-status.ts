/** What a VM can be. */
export const VM_STATUSES = [
  "provisioning",
  "running",
  "pausing",
  "paused",
  "resuming",
  "stopped",
  "deleting",
  "error",
] as const;
export type VmStatus = (typeof VM_STATUSES)[number];
