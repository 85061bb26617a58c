/** Work side by side on something that is given up when a part of it fails: not before the other parts have let go of it. */

/** As Promise.all, but rejects only when nothing of it goes on any more, with what failed first in the given order. */
export async function allSettled<T extends readonly unknown[]>(work: {
  readonly [K in keyof T]: Promise<T[K]>;
}): Promise<T> {
  await Promise.allSettled(work);
  return await Promise.all(work);
}
