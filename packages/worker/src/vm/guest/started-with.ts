/** What a generator yields, once it has begun: a failure before its first value is its caller's, not its reader's. */
export async function startedWith<T>(source: AsyncGenerator<T>): Promise<AsyncIterable<T>> {
  let first: IteratorResult<T> | undefined = await source.next();
  const iterator: AsyncIterator<T> = {
    next: async () => {
      const held = first;
      first = undefined;
      return held ?? (await source.next());
    },
    return: () => source.return(undefined),
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
