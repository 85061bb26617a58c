/** What a VM's disk bears, and when a VM starts by itself. */

/** `strict`: what a guest's flush acknowledged is there after its host lost power. `relaxed`: flushes are not passed on. */
export const DURABILITIES = ["relaxed", "strict"] as const;
export type Durability = (typeof DURABILITIES)[number];

/** `always`: also when its guest powered off by itself; never one that was told to stop. */
export const RESTART_POLICIES = ["never", "on-host-failure", "always"] as const;
export type RestartPolicy = (typeof RESTART_POLICIES)[number];

/** By whom a VM ended that nobody had told to: its guest, or its host with its QEMU. */
export type EndCause = "guest" | "host";
