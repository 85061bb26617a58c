/**
 * What daemon and proxy tell each other, a line of JSON each, on a socket that both inherited: values of secrets are never in arguments,
 * variables or files.
 *
 *   daemon → proxy   order (first, and again with each change), verdict
 *   proxy → daemon   ready, settled (after each order), ask, blocked
 */
import type { Readable } from "node:stream";
import type { BlockedRequest, InterceptionOrder } from "@fastvm/contract";
import { MAX_MESSAGE_BYTES } from "./limits.ts";

/** A connection that was begun, before anybody is dialled for it. */
export interface Question {
  readonly address: string;
  readonly port: number;
  /** The server's by TLS, or the host of a request in the clear. Absent: none was named. */
  readonly name?: string;
  /** Whether that may not be the true one. */
  readonly isEncrypted: boolean;
}

export interface Verdict {
  readonly allowed: boolean;
  /** Whether this VM was told that the name has this address. */
  readonly isResolved: boolean;
  /** Whether it is the name that opens the address. */
  readonly byName: boolean;
}

export type ToProxy =
  | { readonly kind: "order"; readonly order: InterceptionOrder }
  | ({ readonly kind: "verdict"; readonly id: number } & Verdict);

export type ToDaemon =
  | { readonly kind: "ready"; readonly port4: number; readonly port6: number | undefined }
  | { readonly kind: "settled" }
  | ({ readonly kind: "ask"; readonly id: number } & Question)
  | ({ readonly kind: "blocked" } & BlockedRequest);

/** Calls with each message. Throws, where the other side's words are no message of ours, out of the stream's event. */
export function onMessages(stream: Readable, heard: (message: unknown) => void): void {
  let parts: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = Buffer.concat([...parts, rest.subarray(0, end)]);
      [parts, bytes, rest] = [[], 0, rest.subarray(end + 1)];
      heard(JSON.parse(line.toString()));
    }
    if (rest.length > 0) parts.push(rest);
    bytes += rest.length;
    if (bytes > MAX_MESSAGE_BYTES) stream.destroy(new Error("a message is too long"));
  });
}

export function encode(message: ToProxy | ToDaemon): string {
  return `${JSON.stringify(message)}\n`;
}
