/** Runs all of them, as many at once as there are lanes, the first of the list first. The results have the list's order. */
export async function inLanes<Item, Result>(
  items: readonly Item[],
  lanes: number,
  run: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results = new Map<number, Result>();
  const waiting = items.entries();
  // All lanes draw from the one iterator, so that none takes what another has.
  const lane = async (): Promise<void> => {
    for (const [at, item] of waiting) results.set(at, await run(item));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return [...results].toSorted(([one], [other]) => one - other).map(([, result]) => result);
}
