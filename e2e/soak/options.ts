/** What `./test soak` is asked for. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

/** What the whole of ./test affords: thirty, or as many as fit into three minutes. */
const DEFAULT_ROUNDS = 30;
const DEFAULT_MINUTES = 3;
const MAX_ROUNDS = 100_000;

export const SOAK_USAGE = `./test soak [--rounds N] [--minutes N] [--seed N] [--only OPERATION] [--step NAME]
  --rounds N     rounds at most (default ${DEFAULT_ROUNDS}); given, there is no limit of time
  --minutes N    ends after the round in which this much time is over (default ${DEFAULT_MINUTES})
  --seed N       what is done in which order, and at which steps it is ended (default: any; it is printed)
  --only, --step for looking into a failure: only this operation, only this step`;

export interface SoakOptions {
  readonly rounds: number;
  readonly minutes: number;
  readonly seed: number;
  readonly operation: string | undefined;
  readonly step: string | undefined;
}

/** Throws an Error that says what is wrong. */
export function readSoakOptions(args: readonly string[]): SoakOptions {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: text, minutes: text, seed: text, only: text, step: text },
  });
  return {
    rounds: whole("--rounds", values.rounds) ?? (values.minutes === undefined ? DEFAULT_ROUNDS : MAX_ROUNDS),
    minutes: whole("--minutes", values.minutes) ?? (values.rounds === undefined ? DEFAULT_MINUTES : Infinity),
    seed: whole("--seed", values.seed) ?? randomInt(2 ** 31),
    operation: values.only,
    step: values.step,
  };
}

function whole(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d+$/.test(value)) throw new Error(`${name} is a whole number, not "${value}"`);
  return Number(value);
}
