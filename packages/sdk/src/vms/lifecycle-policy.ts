/** When a VM ends by itself, and how. */

/** `stop` keeps its disk, `pause` its memory, too. A later server may know more. */
export type PolicyAction = "pause" | "stop" | "delete" | (string & {});

/**
 * How long it lives from when it was made, running or not, unlike its `ttl`. One that is started after that begins anew; `delete` strikes
 * paused and stopped ones, too.
 */
export interface MaxLife {
  readonly action: PolicyAction;
  readonly seconds: number;
}

/** How long it may run unused. Use is what comes from outside: commands, consoles, files, requests to its services, SSH. */
export interface IdlePolicy {
  readonly action: PolicyAction;
  readonly seconds: number;
  /** Whether what its guest computes by itself is use, too. Default: it is not. */
  readonly guestWork?: boolean;
}
