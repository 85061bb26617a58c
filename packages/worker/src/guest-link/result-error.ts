/** How a stream ended, from the frame that ends it. */
import { FastvmError } from "@fastvm/contract";
import { decodeResult, GuestError } from "./guest-error.ts";
import { Kind } from "./protocol.ts";

/** `undefined` for a DONE without an error. */
export function resultError(kind: number, payload: Buffer): Error | undefined {
  const result = decodeResult(payload);
  if (result === undefined) return new FastvmError("guest_unresponsive", "its agent sent half an answer");
  if (kind === Kind.DONE && result.errno === 0) return undefined;
  return new GuestError(result.errno, result.text);
}
