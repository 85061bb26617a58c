/** A small answer of a registry, whole and within its bound. */
import type { IncomingMessage } from "node:http";
import { invalidImage } from "../invalid-image.ts";
import { RegistryFailure } from "./registry-failure.ts";
import { reasonOf } from "./http-session.ts";

export async function readBody(answer: IncomingMessage, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new RegistryFailure(`${what} broke off: ${reasonOf(error)}`, { cause: error });
  }
  if (bytes > maxBytes) throw invalidImage(`${what} has more than ${maxBytes} bytes`);
  return Buffer.concat(chunks);
}
