/** What `./test soak` is asked for. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

/** What the whole of ./test affords: twenty, or as many as fit into two minutes. */
const DEFAULT_ROUNDS = 12;
const DEFAULT_MINUTES = 2;
const MAX_ROUNDS = 100_000;

export interface SoakOptions {
  /** At most. Given, there is no limit of time. */
  readonly rounds: number;
  /** It ends after the round in which this much time is over. */
  readonly minutes: number;
  /** Decides what is done in which order, and at which steps it is ended. */
  readonly seed: number;
  /** For looking into a failure: only this operation, only this step. */
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
