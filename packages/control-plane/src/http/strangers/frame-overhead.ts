/**
 * What a stranger's HTTP/2 session sends beside requests: WINDOW_UPDATE, PRIORITY, empty DATA, headers that are
 * refused. Node shows none of these frames, but each is work; so the bytes of the connection are looked at, and
 * what no request or answer explains is counted. A connection whose request has a body goes uncounted for as long:
 * Node does not tell its bytes from others. Of HTTP/1.1 the same is asked of a body that nobody reads any more.
 */
import type { Socket } from "node:net";

/** At the start, and what is saved up at most: the preface, settings, a TLS handshake. */
const MAX_CREDIT_BYTES = 64 * 1024;
/** Of HTTP/1.1, what comes of a body after the answer: clients may have sent so much before they could know. */
export const LATE_BODY_BYTES = 256 * 1024;
/** Of one request's head, as of HTTP/1.1's. */
const BYTES_PER_REQUEST = 16 * 1024;
/** Who reads an answer says so in 13 or 26 bytes for every few KiB. */
const ANSWERED_BYTES_PER_BYTE = 16;
/** PINGs, of those that care for their connection. */
const BYTES_PER_SEC = 4 * 1024;

export class FrameOverhead {
  readonly #socket: Pick<Socket, "bytesRead" | "bytesWritten">;
  readonly #maxCredit: number;
  #credit: number;
  #read: number;
  #written: number;
  #atMs: number;
  #requests = 0;
  #bodies = 0;
  #hadBody = false;

  constructor(
    socket: Pick<Socket, "bytesRead" | "bytesWritten">,
    nowMs: number,
    maxCredit = MAX_CREDIT_BYTES,
  ) {
    this.#socket = socket;
    this.#maxCredit = maxCredit;
    this.#credit = maxCredit;
    this.#read = socket.bytesRead;
    this.#written = socket.bytesWritten;
    this.#atMs = nowMs;
  }

  began(hasBody: boolean): void {
    this.#requests += 1;
    if (!hasBody) return;
    this.#bodies += 1;
    this.#hadBody = true;
  }

  ended(hasBody: boolean): void {
    if (hasBody) this.#bodies -= 1;
  }

  /** Bytes since the last look that nothing explains, beyond what anybody may send; mostly none. */
  excess(nowMs: number): number {
    const { bytesRead, bytesWritten } = this.#socket;
    const read = this.#hadBody ? 0 : bytesRead - this.#read;
    const earned =
      this.#requests * BYTES_PER_REQUEST +
      (bytesWritten - this.#written) / ANSWERED_BYTES_PER_BYTE +
      ((nowMs - this.#atMs) * BYTES_PER_SEC) / 1000;
    // What was earned counts before it is capped: a read may bring the heads of many requests.
    const credit = this.#credit + earned - read;
    this.#credit = Math.min(Math.max(credit, 0), this.#maxCredit);
    this.#read = bytesRead;
    this.#written = bytesWritten;
    this.#atMs = nowMs;
    this.#requests = 0;
    this.#hadBody = this.#bodies > 0;
    return Math.max(-credit, 0);
  }
}
