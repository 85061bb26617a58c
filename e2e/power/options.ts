/** What `./test power` is asked for. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { ACTS } from "./acts.ts";

/** What the whole of ./test affords: as many as fit into it. */
const DEFAULT_SECONDS = 20;
const MAX_CUTS = 100_000;

export interface PowerOptions {
  /** At most. Given, there is no limit of time. */
  readonly cuts: number;
  /** It ends after the cut in which this much time is over; setting up does not count. */
  readonly seconds: number;
  /** Decides what is done, when the power goes, and what the disk has of what was not synced. */
  readonly seed: number;
  /** The first cut of this seed that is played: those before are passed over, as where a run was broken off. */
  readonly from: number;
  /** For looking into a failure. */
  readonly only: string | undefined;
}

/** Throws an Error that says what is wrong. */
export function readPowerOptions(args: readonly string[]): PowerOptions {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { cuts: text, seconds: text, seed: text, from: text, only: text },
  });
  const only = ACTS.find(({ name }) => name === values.only)?.name;
  if (values.only !== undefined && only === undefined)
    throw new Error(`there is no act "${values.only}"; there are ${ACTS.map(({ name }) => name).join(", ")}`);
  return {
    cuts: whole("--cuts", values.cuts) ?? MAX_CUTS,
    seconds: whole("--seconds", values.seconds) ?? (values.cuts === undefined ? DEFAULT_SECONDS : Infinity),
    seed: whole("--seed", values.seed) ?? randomInt(2 ** 31),
    from: whole("--from", values.from) ?? 1,
    only,
  };
}

function whole(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d+$/.test(value)) throw new Error(`${name} is a whole number, not "${value}"`);
  return Number(value);
}
