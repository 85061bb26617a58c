/** What lines of the table of operations have in common. */

/** Of whatever needs the guest's answer. */
export const GUEST = ["guest_unresponsive", "vm_died"] as const;

export const VM = "/v1/vms/{vmId}";
