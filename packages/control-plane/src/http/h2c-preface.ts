/** Tells HTTP/2 with prior knowledge from HTTP/1.1 by a connection's first bytes. */

/** RFC 9113, section 3.4. No HTTP/1.1 request can begin like it. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export type Protocol = "http1" | "http2";

/** `undefined`: the bytes so far fit both. */
export function protocolOf(firstBytes: Buffer): Protocol | undefined {
  const length = Math.min(firstBytes.length, PREFACE.length);
  if (!firstBytes.subarray(0, length).equals(PREFACE.subarray(0, length))) return "http1";
  return length === PREFACE.length ? "http2" : undefined;
}
