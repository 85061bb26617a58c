/** What ./bench/run is asked for. */
import { parseArgs } from "node:util";

/** Enough for a p50 that moves by a few percent between runs, within four minutes. */
const DEFAULT_ROUNDS = 15;
const MAX_ROUNDS = 1_000;
/** Of fewer the middle says nothing of another round. */
const MIN_ROUNDS_AGAINST = 10;

const MEASURES = [
  "launch",
  "image",
  "pools",
  "exec",
  "capture",
  "fork",
  "memory",
  "idle",
  "firewall",
  "flood",
  "restart",
  "weight",
] as const;
/**
 * They take long: `builds` compiles in five languages and asks Debian's mirror for them, `volumes` works with thousands of files. `strict`
 * says more of the host's disk than of us, `proxy` more of TLS; `tti` starts three hundred VMs, `growth` two hundred, of which ninety run
 * at once; `telemetry` has two daemons more.
 */
const ONLY_BY_NAME = ["builds", "proxy", "volumes", "strict", "tti", "growth", "telemetry"] as const;
const ALL = [...MEASURES, ...ONLY_BY_NAME];
export type MeasureName = (typeof ALL)[number];

export const USAGE = `usage: ./bench/run [--rounds N] [--only ${ALL.join(",")}] [--full] [--json] [--write-spec]
       ./bench/run --against CHECKOUT [--rounds N] [--json]
  --rounds N     rounds of each measure (default ${DEFAULT_ROUNDS})
  --only LIST    only these measures, separated by commas; ${ONLY_BY_NAME.join(", ")}: only when it is named
  --full         all cells of the pause, in place of the six that the others follow from; takes two minutes more
  --json         print the figures as one JSON object instead of the table
  --write-spec   also replace the table in docs/SPECIFICATION.md
  --against DIR  compare with another checkout that was set up (tools/setup.sh): both in turns, with the noise;
                 ends with 1 when this one is slower than is allowed`;

export interface BenchOptions {
  readonly rounds: number;
  readonly measures: readonly MeasureName[];
  readonly full: boolean;
  readonly json: boolean;
  readonly writeSpec: boolean;
  /** Folder of the other checkout. */
  readonly against: string | undefined;
}

/** Throws an Error that says what is wrong. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string" },
      only: { type: "string" },
      full: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      "write-spec": { type: "boolean", default: false },
      against: { type: "string" },
    },
  });
  const measures: readonly MeasureName[] =
    values.only === undefined ? MEASURES : values.only.split(",").map(measureName);
  const writeSpec = values["write-spec"];
  if (writeSpec && MEASURES.some((name) => !measures.includes(name)))
    throw new Error("--write-spec needs all measures: leave --only out");
  const { against, full, json } = values;
  if (against !== undefined && (writeSpec || values.only !== undefined)) {
    throw new Error("--against compares launch, exec and capture: leave --only and --write-spec out");
  }
  const count = rounds(values.rounds);
  if (against !== undefined && count < MIN_ROUNDS_AGAINST) {
    throw new Error(`--against needs ${MIN_ROUNDS_AGAINST} rounds to tell a difference from noise`);
  }
  return { rounds: count, measures, full, json, writeSpec, against };
}

function rounds(value: string | undefined): number {
  const count = value === undefined ? DEFAULT_ROUNDS : Number(value);
  if (!Number.isInteger(count) || count < 1 || count > MAX_ROUNDS)
    throw new Error(`--rounds is a whole number from 1 to ${MAX_ROUNDS}`);
  return count;
}

function measureName(name: string): MeasureName {
  const known = ALL.find((measure) => measure === name);
  if (known === undefined) throw new Error(`there is no measure "${name}"; there are ${ALL.join(", ")}`);
  return known;
}
