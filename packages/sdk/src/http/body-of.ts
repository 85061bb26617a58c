/** Bytes of an answer, and bytes for a request, as they come. */

/** Leaving it lets the connection go. */
export async function* bodyOf(response: Response): AsyncGenerator<Uint8Array, void, undefined> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // A body that was read to its end or has failed has nothing left to cancel.
    await reader.cancel().catch(() => undefined);
  }
}

/** Reads as fast as its reader takes it, and closes the source when that ends early. */
export function streamOf(chunks: AsyncIterator<Uint8Array, unknown, undefined>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await chunks.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await chunks.return?.();
    },
  });
}
