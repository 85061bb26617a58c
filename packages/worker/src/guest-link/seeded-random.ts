/** For tests: random numbers whose seed is printed, so that a failure can be had again. */

/** Whole numbers from 0 to below the argument. Without a seed, one is taken from the clock. */
export function seededRandom(what: string, seed: number | undefined): (below: number) => number {
  const start = seed ?? Date.now() % 1_000_000_007;
  process.stdout.write(`${what} fuzz seed: ${start}\n`);
  // Park and Miller's generator: the same run for the same seed on every machine.
  let state = (start % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}
