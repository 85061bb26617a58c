/** The guest link's numbers, as docs/guest-link.md gives them. Nothing here may differ from that page. */

/**
 * ```
 *  0        1        2            4              8              12                  12+length  13+length
 *  +--------+--------+------------+--------------+--------------+------------------+----------+
 *  | 0xF5   | kind   | session    | stream       | length       | payload          | 0x5F     |
 *  +--------+--------+------------+--------------+--------------+------------------+----------+
 * ```
 * All numbers are little-endian.
 */
export const FRAME_START = 0xf5;
export const FRAME_END = 0x5f;
export const HEADER_BYTES = 12;
export const TRAILER_BYTES = 1;
export const MAX_PAYLOAD_BYTES = 65_536;
export const MAX_FRAME_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES + TRAILER_BYTES;

export const PROTOCOL_VERSION = 1;
export const HELLO_MAGIC = "FASTVM-LINK-V1\r\n";
export const GENERATION_BYTES = 16;
export const NONCE_BYTES = 16;
/** nonce, u16 version, u16 abilities, u32 zero, boot id. */
export const WELCOME_BYTES = 40;

/** Payload that one side may have under way on one stream, without being given credit. */
export const WINDOW_BYTES = 262_144;
/** A whole request, all its MORE frames together. */
export const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
export const MAX_OPEN_STREAMS = 1024;
/** Streams opened by the guest have this bit set. */
export const GUEST_STREAM_BIT = 0x8000_0000;
/** The stream that is the link itself. */
export const LINK_STREAM = 0;
/** code, errno, nanoseconds; a diagnostic follows. */
export const EXIT_BYTES = 16;

/** pid, signal. */
export const PROCESS_BYTES = 8;

/** Bits of WELCOME: what agents of states captured long ago do not know, and would take for garbage. */
export const Ability = { VERBS: 1, JOBS: 2, LIMITS: 16, DATAGRAMS: 32, FSTYPES: 64, LINK: 128 } as const;

export const Kind = {
  HELLO: 1,
  WELCOME: 2,
  IDENTITY: 3,
  IDENTITY_DONE: 4,
  PING: 5,
  PONG: 6,
  MORE: 15,
  OPEN_EXEC: 16,
  OPEN_WRITE: 17,
  OPEN_READ: 18,
  OPEN_DIAL: 19,
  OPEN_FORWARD: 20,
  OPEN_VERB: 21,
  OPEN_JOB: 22,
  OPEN_DATAGRAMS: 23,
  DATA: 32,
  DATA_ERR: 33,
  END: 34,
  CREDIT: 35,
  SIGNAL: 36,
  RESIZE: 37,
  RESET: 38,
  EXIT: 39,
  DONE: 40,
  AT: 41,
  PROCESS: 42,
} as const;

export type Kind = (typeof Kind)[keyof typeof Kind];

/** What a guest may send; any other kind is garbage to the host. */
export const GUEST_KINDS: ReadonlySet<number> = new Set([
  Kind.WELCOME,
  Kind.IDENTITY_DONE,
  Kind.PONG,
  Kind.OPEN_FORWARD,
  Kind.DATA,
  Kind.DATA_ERR,
  Kind.END,
  Kind.CREDIT,
  Kind.RESET,
  Kind.EXIT,
  Kind.DONE,
  Kind.AT,
  Kind.PROCESS,
]);
