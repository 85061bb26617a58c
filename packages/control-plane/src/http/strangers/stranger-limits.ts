/**
 * What connections may do on which no valid key was seen yet. The bounds are chosen so that what one address can have
 * done in one turn of the event loop stays below some ten milliseconds, and so that no client that means well meets them.
 */

export interface StrangerLimits {
  /**
   * Strangers' requests that are begun in one turn of the event loop. One costs some 0.1
   * ms; all others wait for a turn, those of each connection in turn.
   */
  readonly requestsPerTurn: number;
  /** Unanswered requests of one HTTP/1.1 connection. Browsers do not pipeline at all. */
  readonly pipelined: number;
  /**
   * Streams that one HTTP/2 session may reset unanswered, beyond what it has had answered. A client may well give up all it has asked for.
   */
  readonly resets: number;
  /** The same for sessions that come from an address under strain. */
  readonly resetsUnderStrain: number;
  /** Resets forgiven per second: clients that give up on what is slow do so for as long as they run. */
  readonly resetsForgivenPerSec: number;
  /** Header fields of one HTTP/2 session's requests in one turn. As many streams as it may have, with ten each. */
  readonly fieldsPerTurn: number;
  /** SETTINGS of one HTTP/2 session. Clients send one, and another when they learn how fast the line is. */
  readonly settings: number;
  /**
   * Connections of one address without a request under way: a proxy may open as many at once as there may
   * be into VMs. Beyond it the one that has been so for longest is closed, as servers may do at any time.
   */
  readonly idlePerAddress: number;
  /** The same over all addresses. */
  readonly idle: number;
  /** Strain that an address may have before what it opens has to wait. */
  readonly strain: number;
  /** Strain that passes per second. */
  readonly strainEasedPerSec: number;
  /** Addresses whose strain is kept in mind; the one that was quiet for longest is forgotten first. */
  readonly addresses: number;
  /** Connections of one address that wait; beyond it one of them is closed, whichever. */
  readonly waitingPerAddress: number;
  /** The same over all addresses. */
  readonly waiting: number;
}

export const STRANGER_LIMITS: StrangerLimits = {
  requestsPerTurn: 16,
  pipelined: 64,
  resets: 250,
  resetsUnderStrain: 20,
  resetsForgivenPerSec: 33,
  fieldsPerTurn: 10_000,
  settings: 32,
  idlePerAddress: 4096,
  idle: 8192,
  strain: 1000,
  strainEasedPerSec: 400,
  addresses: 4096,
  waitingPerAddress: 64,
  waiting: 1024,
};

/**
 * What puts an address under strain, in the unit of a stream that is reset. A session costs some ten; one that is cut came with a read
 * full of them, which cost as much as a hundred; so do so many bytes of other frames each, or pieces of a body that nobody reads.
 */
export const STRAIN = { session: 10, reset: 1, cut: 100, overheadBytes: 640, latePieces: 50 } as const;

/**
 * How often sessions' frames beside requests are looked at. One turn of the event loop
 * may read 2 MiB of a connection, so oftener would find no less.
 */
export const OVERHEAD_MS = 20;

/** How often those that wait are looked at. */
export const ENTRANCE_MS = 20;

/** How often addresses are looked for that are not under strain any more. */
export const FORGET_MS = 5000;
