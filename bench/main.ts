/** The benchmark: the product and the bare floor side by side, in one run. `./bench/run --help` says how to call it. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { compareWith } from "./against/compare.ts";
import { renderComparison } from "./against/verdict.ts";
import { MEASURE } from "./figures.ts";
import type { Figures, Measured } from "./figures.ts";
import { hostFacts, loadNow } from "./host-facts.ts";
import type { HostFacts } from "./host-facts.ts";
import { readOptions, USAGE } from "./options.ts";
import type { BenchOptions } from "./options.ts";
import { renderReport, replaceReport } from "./report.ts";
import { openSession } from "./session.ts";
import type { Session } from "./session.ts";

const SPECIFICATION = fileURLToPath(new URL("../docs/SPECIFICATION.md", import.meta.url));
/** 128 and SIGINT: what shells give for a command that was interrupted. */
const INTERRUPTED = 130;
const MS_PER_SECOND = 1_000;

interface Run extends Measured {
  readonly facts: HostFacts;
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes("--help")) {
    console.log(USAGE);
    return;
  }
  const options = readOptions(args);
  if (options.against !== undefined) {
    await compareCheckouts(options.against, options);
    return;
  }
  const load = loadNow();
  progress("starting two daemons");
  await using session = await openSession();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void interrupt(session));
  const run = { ...(await measureAll(session, options)), facts: await hostFacts(session.floor, load) };
  await publish(run, options);
}

async function compareCheckouts(other: string, { rounds, json }: BenchOptions): Promise<void> {
  const { comparisons, samples } = await compareWith(other, rounds, progress);
  const figures = Object.fromEntries(comparisons);
  console.log(json ? JSON.stringify({ figures, samples }, null, 2) : renderComparison(comparisons));
  if ([...comparisons.values()].some(({ verdict }) => verdict === "slower")) process.exitCode = 1;
}

/** Whoever gives up waiting must not be left with two daemons. */
async function interrupt(session: Session): Promise<void> {
  await session[Symbol.asyncDispose]();
  process.exit(INTERRUPTED);
}

async function measureAll(session: Session, options: BenchOptions): Promise<Measured> {
  const { templateBootMs } = session;
  let figures: Figures =
    templateBootMs === undefined ? {} : { template_boot_s: templateBootMs / MS_PER_SECOND };
  let samples = {};
  for (const name of options.measures) {
    progress(`measuring ${name}`);
    const measured = await MEASURE[name](session, options.rounds, options.full, progress);
    figures = { ...figures, ...measured.figures };
    samples = { ...samples, ...measured.samples };
  }
  return { figures, samples };
}

async function publish({ figures, samples, facts }: Run, options: BenchOptions): Promise<void> {
  const report = renderReport(figures, facts);
  console.log(options.json ? JSON.stringify({ ...figures, machine: facts, samples }, null, 2) : report);
  if (!options.writeSpec) return;
  await writeFile(SPECIFICATION, replaceReport(await readFile(SPECIFICATION, "utf8"), report));
  progress("the table in docs/SPECIFICATION.md is new");
}

/** Beside the figures, so that these can be piped; with the seconds since the start, so that it shows what takes long. */
function progress(text: string): void {
  console.error(`bench: ${Math.round(performance.now() / MS_PER_SECOND)} s: ${text}`);
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`Error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
