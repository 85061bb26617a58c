/** What becomes of a VM whose time to live is over. */
export const TTL_ACTIONS = ["pause", "delete"] as const;
export type TtlAction = (typeof TTL_ACTIONS)[number];
