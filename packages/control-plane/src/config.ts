/** What an operator may tune. Every number has a default and a reason. */
import type { ResourceAmounts } from "@fastvm/contract";
import type { StagingLimits } from "./staging/staging-limits.ts";

export interface ControlPlaneConfig {
  /** What a new organisation may use. */
  readonly defaultLimits: ResourceAmounts;
  /** A launch or resume that takes longer than this answers 202: clients give up at 60 s. */
  readonly launchAnswerMs: number;
  /** Services are at `*.proxy.<domain>`. */
  readonly domain: string;
  /** Whether services have URLs by path too, on the API's own host. */
  readonly pathUrls: boolean;
  /** Where the URLs begin that we hand out, such as `https://fastvm.example.com`. Absent: where the client's request went. */
  readonly publicUrl: string | undefined;
  /** Files on their way between clients and VMs. */
  readonly staging: StagingLimits;
  /** Pages whose scripts may open consoles, beside those of the API's own host and of `publicUrl`: such as `https://panel.example.com`. */
  readonly consoleOrigins: readonly string[];
  /** VMs that may wait for room on the host; the next one is turned away with 503. */
  readonly maxQueuedVms: number;
  /** Builds under way at once; others wait for their turn. */
  readonly maxBuildsAtOnce: number;
  /** How long a build whose turn it is waits for a context that is still being sent, as long as a pull may take: others wait meanwhile. */
  readonly contextWaitMs: number;
  /** How often a full host is asked again. */
  readonly queueRetryMs: number;
  /** Events kept of each organisation; older ones are forgotten. */
  readonly maxEvents: number;
  /** Entries of the audit kept of each organisation; older ones are forgotten. */
  readonly maxAuditEntries: number;
  /** How often old events are looked for. */
  readonly pruneEveryMs: number;
  readonly webhooks: WebhookTimes;
  /** How often pools are looked after. What empties one wakes it at once, so this is for what happens elsewhere. */
  readonly poolEveryMs: number;
  /** How often it is asked whether another process has written events that somebody here follows. */
  readonly eventPollMs: number;
  /** How often VMs are looked for whose worker should have ended them by now and has not told so. */
  readonly expireEveryMs: number;
  /** How often all records are compared with what the worker has. */
  readonly reconcileEveryMs: number;
  /** How long after work that failed its record is looked at, and how often a database that is away is asked again. */
  readonly reconcileRetryMs: number;
  /**
   * How long what no record knows is kept: an operator who restored a database, or gave the daemon another one, gets this long to notice.
   */
  readonly quarantineMs: number;
  /**
   * How often it is looked for workers that are still to be told of a record. One that refuses is
   * told again after this time, then after twice that, up to a minute.
   */
  readonly insistEveryMs: number;
  /** How long after the end of its time a VM is left to its worker: a pause copies the memory that the guest has written. */
  readonly expiryGraceMs: number;
  /** How long a guest may take for what it does before a policy ends its VM: to flush and say goodbye, not to finish its work. */
  readonly beforeStopMs: number;
  /** How long an ephemeral sandbox that stopped can still be read: clients that stop one ask for it, every 100 ms, until it has. */
  readonly keepEndedMs: number;
  /** How long one answer follows a sandbox's log: clients cut it after 30 s, and ask for more where it ended before. */
  readonly sandboxLogMs: number;
  /** Within this time a retried launch is taken for the launch it repeats. */
  readonly launchRetryWindowMs: number;
  /** A buffered exec that takes longer answers its headers and goes on with white space: clients give up at 60 s. */
  readonly execHeadersAfterMs: number;
  readonly execWhitespaceEveryMs: number;
  /** Idle streams get a blank line this often: Node's fetch drops a body that is idle for 300 s, some proxies sooner. */
  readonly streamHeartbeatMs: number;
  /** How long `close` waits for launches, pauses and the like that are under way. */
  readonly closeGraceMs: number;
  /** How long `close` lets requests that are under way go on. */
  readonly connectionGraceMs: number;
}

interface WebhookTimes {
  /** From the name's addresses to the answer. Receivers that do their work before they answer are told not to. */
  readonly attemptMs: number;
  /** Whoever has taken one to send it and has not said by then how that ended is gone. */
  readonly takenMs: number;
  /** After each failure that follows the one before; then it is given up. */
  readonly retryAfterMs: readonly number[];
  /** Of one webhook whose receiver is away; what happens meanwhile waits in the history. */
  readonly maxWaiting: number;
  /** How often it is asked what is due, or has happened elsewhere. */
  readonly pollMs: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

export const DEFAULT_CONFIG: ControlPlaneConfig = {
  // Generous: on one's own machine the host's capacity is the limit, not the quota.
  defaultLimits: {
    vcpu: 4096,
    memoryMiB: 8 * 1024 * 1024,
    diskGiB: 65_536,
    snapshotCount: 10_000,
    volumeCount: 1000,
    volumeGiB: 65_536,
  },
  launchAnswerMs: 25_000,
  // Names under it lead to this machine without any DNS, in browsers and with most resolvers.
  domain: "localhost",
  pathUrls: true,
  publicUrl: undefined,
  staging: {
    // A hundred clients with 2 GiB each at once. What was read makes way, so this bounds what nobody has fetched yet.
    bytesPerOrg: 256 * 1024 ** 3,
    // Launches want 256 MiB of free disk, a capture what the guest has written: uploads are the first that can wait.
    freeBytesFloor: 1024 ** 3,
  },
  consoleOrigins: [],
  maxQueuedVms: 256,
  // Each has a VM of 2 GiB that is busy: as many as a worker takes.
  maxBuildsAtOnce: 4,
  contextWaitMs: 30 * MINUTE_MS,
  queueRetryMs: 1000,
  maxEvents: 100_000,
  maxAuditEntries: 100_000,
  pruneEveryMs: 60_000,
  webhooks: {
    attemptMs: 10 * SECOND_MS,
    takenMs: MINUTE_MS,
    // A receiver that restarts is told soon, one that is away over a night as well: 14 hours in all.
    retryAfterMs: [
      5 * SECOND_MS,
      30 * SECOND_MS,
      2 * MINUTE_MS,
      10 * MINUTE_MS,
      30 * MINUTE_MS,
      2 * HOUR_MS,
      4 * HOUR_MS,
      8 * HOUR_MS,
    ],
    maxWaiting: 1000,
    pollMs: SECOND_MS,
  },
  poolEveryMs: SECOND_MS,
  eventPollMs: 1000,
  expireEveryMs: 5000,
  reconcileEveryMs: 60_000,
  reconcileRetryMs: 1000,
  quarantineMs: 24 * 3_600_000,
  insistEveryMs: 5000,
  expiryGraceMs: 15_000,
  beforeStopMs: 30_000,
  keepEndedMs: 2000,
  sandboxLogMs: 25_000,
  launchRetryWindowMs: 60_000,
  execHeadersAfterMs: 20_000,
  execWhitespaceEveryMs: 10_000,
  streamHeartbeatMs: 15_000,
  closeGraceMs: 10_000,
  connectionGraceMs: 2000,
};
