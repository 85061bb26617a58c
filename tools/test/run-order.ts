/** In which order a stage's files begin, and by when its last test does: told by environment, as vitest's arguments have no order. */

export interface RunOrder {
  /** The files that begin first, in this order. Absent: as vitest's configuration has it. */
  readonly order?: readonly string[];
  /** By when the last test begins, in seconds from the start of everything; the others are skipped, and said. Absent: all of them run. */
  readonly lastStartSec?: number | undefined;
}

const ORDER = "FASTVM_TEST_ORDER";
const LAST_START = "FASTVM_TEST_LAST_START_MS";

/** `startedAt`: when everything did, in ms since 1970. */
export function orderEnv({ order, lastStartSec }: RunOrder, startedAt: number): Record<string, string> {
  return {
    ...(order === undefined ? {} : { [ORDER]: order.join(" ") }),
    ...(lastStartSec === undefined ? {} : { [LAST_START]: String(startedAt + lastStartSec * 1000) }),
  };
}

export function orderGiven(env = process.env): readonly string[] {
  return env[ORDER]?.split(" ") ?? [];
}

/** In ms since 1970. */
export function lastStartGiven(env = process.env): number | undefined {
  const given = env[LAST_START];
  return given === undefined ? undefined : Number(given);
}
