/** The bytes of a file, out of an answer that has begun. */
import { bodyOf } from "../http/body-of.ts";
import { brokenAnswer } from "../http/http-client.ts";
import type { OpenResponse } from "../http/http-client.ts";

export async function* contentOf(answer: OpenResponse): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* bodyOf(answer.response);
  } catch (cause) {
    throw brokenAnswer(cause, answer.deadline);
  } finally {
    answer.deadline.release();
  }
}

export async function wholeOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    all.push(chunk);
    length += chunk.length;
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of all) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
