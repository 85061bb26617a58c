/** Every bound of the proxy, with its reason. Times in ms. */

export interface EdgeLimits {
  /** How long a guest may take to accept a connection; a busy emulated one takes a second. */
  readonly connectMs: number;
  /** How long a service that has the whole request, or takes no more of it, may be silent before its headers. */
  readonly answerMs: number;
  /** How long a request waits for its VM to wake: browsers and most clients still wait then. */
  readonly wakeMs: number;
  /** Exchanges and WebSockets in which no byte moves either way are ended: heartbeats come more often than this. */
  readonly idleMs: number;
  /** How long a WebSocket whose one end has finished may be silent at the other. */
  readonly halfClosedMs: number;
  /** How long the rest of a request that was answered already is read, so that its client gets to see the answer. */
  readonly lingerMs: number;
  /** Connections into one VM: its link carries 1,024 streams, and commands and files need some. */
  readonly connectionsPerVm: number;
  /**
   * Connections into all VMs. Each may hold over half a MiB that its client does not
   * take: the window of its link, that of HTTP/2, and a chunk.
   */
  readonly connections: number;
}

export const DEFAULT_LIMITS: EdgeLimits = {
  connectMs: 10_000,
  answerMs: 60_000,
  wakeMs: 30_000,
  idleMs: 900_000,
  halfClosedMs: 30_000,
  lingerMs: 5000,
  connectionsPerVm: 768,
  connections: 4096,
};

/** More than any application sends; Node would drop those beyond 1,000 without a word. */
export const MAX_HEADERS = 500;

/** Answers with many cookies or long policies exceed Node's 16 KiB; HTTP/2 takes as much by itself. */
export const MAX_ANSWER_HEADER_BYTES = 64 * 1024;

/**
 * Header fields of an answer over HTTP/2: more than fit in 64 KiB, so that only their size counts. Node resets those with more than 128.
 */
export const MAX_HTTP2_HEADERS = 2000;

/** What a client may send before its WebSocket is open, which it should not do at all; more waits until it is. */
export const MAX_EARLY_BYTES = 64 * 1024;

/** What clients do well to wait before they try again, in seconds. */
export const RETRY_AFTER_SEC = 5;

/**
 * Flow-control window of an HTTP/2 stream from a service: so much of an answer waits here
 * for a client that does not read. As much as of HTTP/1.1, in the guest's link.
 */
export const HTTP2_WINDOW_BYTES = 256 * 1024;

/** That of its session, which has no other stream: the largest there is, since each renewal costs a write and bounds nothing. */
export const HTTP2_SESSION_WINDOW_BYTES = 2 ** 31 - 1;
