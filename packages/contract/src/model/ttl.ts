/** A time to live: counts down only while the VM runs, then pauses or deletes it. */
export interface Ttl {
  readonly action: TtlAction;
  readonly seconds: number;
}

/** What becomes of a VM whose time to live is over. */
export const TTL_ACTIONS = ["pause", "delete"] as const;
export type TtlAction = (typeof TTL_ACTIONS)[number];
