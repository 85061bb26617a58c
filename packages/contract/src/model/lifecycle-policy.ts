/** What ends a VM by itself: that it has lived for so long, or that nobody has used it for so long; and what becomes of it then. */

export const POLICY_ACTIONS = ["pause", "stop", "delete"] as const;
export type PolicyAction = (typeof POLICY_ACTIONS)[number];

/** From when it was made, or from the start after its end, whether it runs or not. */
export interface MaxLife {
  readonly action: PolicyAction;
  readonly seconds: number;
}

export interface IdlePolicy {
  readonly action: PolicyAction;
  readonly seconds: number;
  /** Whether what its guest does by itself is use, too. Default: it is not. */
  readonly guestWork?: boolean;
}
