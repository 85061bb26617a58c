/** What `./test pools` is asked for. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

const DEFAULT_READY = 10;
const DEFAULT_BURST = 20;

export interface PoolOptions {
  /** Machines that the pool of the burst has ready. */
  readonly ready: number;
  /** Orders that come at once; 0: none. */
  readonly burst: number;
  /** Daemons that are ended, each at another step of a checkout and of what fills the pool behind it; default: all there are. */
  readonly kills: number;
  /** Decides in which order the steps come, and at which of its passes each ends a daemon. */
  readonly seed: number;
  /** The first kill of this seed that is played: those before are passed over, as where a run was broken off. */
  readonly from: number;
}

/** Throws an Error that says what is wrong. */
export function readPoolOptions(args: readonly string[]): PoolOptions {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { ready: text, burst: text, kills: text, seed: text, from: text },
  });
  return {
    ready: whole("--ready", values.ready) ?? DEFAULT_READY,
    burst: whole("--burst", values.burst) ?? DEFAULT_BURST,
    kills: whole("--kills", values.kills) ?? Infinity,
    seed: whole("--seed", values.seed) ?? randomInt(2 ** 31),
    from: whole("--from", values.from) ?? 1,
  };
}

function whole(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d+$/.test(value)) throw new Error(`${name} is a whole number, not "${value}"`);
  return Number(value);
}
