/** Kills daemons and QEMUs at the steps of operations, round by round, and looks whether anything was lost or left. `./test soak`. */
import { FastvmClient } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { Steps } from "../harness/steps.ts";
import { Chance, Decks } from "./chance.ts";
import { Fleet } from "./fleet.ts";
import { readSoakOptions } from "./options.ts";
import type { SoakOptions } from "./options.ts";
import { playRound } from "./round.ts";

const MS_PER_MINUTE = 60_000;
/** Enough to see what was under way. */
const LOG_LINES = 12;
const STEPS_TOLD = 60;

async function main(args: readonly string[]): Promise<boolean> {
  const options = readSoakOptions(args);
  console.log(`soak: seed ${options.seed}, at most ${options.rounds} rounds`);
  const steps = await Steps.make();
  const daemon = await TestDaemon.start({ poolSize: 1, settings: { stepsFolder: steps.folder } });
  try {
    return await soak(options, daemon, steps);
  } finally {
    await steps.clear();
    await daemon[Symbol.asyncDispose]();
    await steps.remove();
  }
}

async function soak(options: SoakOptions, daemon: TestDaemon, steps: Steps): Promise<boolean> {
  // What was cut short is not tried again: it would be done by the next daemon.
  const client = new FastvmClient({ apiKey: daemon.apiKey, baseUrl: daemon.url, maxRetries: 0 });
  const chance = new Chance(options.seed);
  const fleet = await Fleet.found(client, chance);
  const stage = { steps, chance, decks: new Decks(chance), wanted: options };
  const startedAt = Date.now();
  let round = 0;
  while (round < options.rounds && Date.now() - startedAt < options.minutes * MS_PER_MINUTE) {
    round++;
    await steps.forget();
    const roundAt = Date.now();
    const said: string[] = [];
    try {
      await playRound(stage, { client, daemon, fleet, fresh: `v${round}` }, (text) => said.push(text));
    } catch (error) {
      console.log(`round ${round}: ${said.join("; ")}`);
      await explain(error, daemon, steps);
      console.log(`again: ./test soak --rounds ${round} --seed ${options.seed}`);
      console.log(`${round - 1} passed, 1 failed`);
      return false;
    }
    console.log(`round ${round}: ${said.join("; ")} (${((Date.now() - roundAt) / 1000).toFixed(1)} s)`);
  }
  console.log(`${round} passed, 0 failed`);
  return true;
}

async function explain(error: unknown, daemon: TestDaemon, steps: Steps): Promise<void> {
  console.log(error);
  console.log(`its last steps: ${(await steps.passed()).slice(-STEPS_TOLD).join(" ")}`);
  const failures = (await daemon.log()).split("\n").filter((line) => /^\{"level":[456]0/.test(line));
  console.log(failures.slice(-LOG_LINES).join("\n"));
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
