/** What one VM may cost its proxy. */

/** Of what a client says first. A hello with post-quantum keys takes 2 KiB. */
export const MAX_HELLO_BYTES = 16 * 1024;
/** A client that connects has something to say; one in an emulated guest that is busy reads all its authorities first, for seconds. */
export const HELLO_MS = 15_000;
/** As long as a server far away may take to greet. */
export const DIAL_MS = 15_000;
/** For the client's part of the handshake. */
export const HANDSHAKE_MS = 15_000;
/** Neither side said anything: long polls and idle connections of pools are shorter. */
export const SILENCE_MS = 15 * 60_000;
/** Open at a time: each has two sockets, of which a process has 4,096. */
export const MAX_CONNECTIONS = 1500;
/** Of a request's head, over either protocol. */
export const MAX_HEAD_BYTES = 64 * 1024;
/** More fields than that are made to cost time. */
export const MAX_HEADER_PAIRS = 1000;
/** Of a body with a length, which has to be there whole before it is known how long it becomes. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Of all of those together: a VM that sends more at once waits, or is refused. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024;
/** Of one HTTP/2 connection at a time. */
export const MAX_STREAMS = 128;
/** For the daemon's word on a connection. */
export const VERDICT_MS = 5000;
/** Of what one message between daemon and proxy may have: a hundred secrets of 16 KiB, in JSON. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
