/** Cuts the power of a daemon's disk, in the middle of what is done, and looks whether all that was told to be kept is. `./test power`. */
import { Chance, Decks } from "../soak/chance.ts";
import { ACTS } from "./acts.ts";
import { readPowerOptions } from "./options.ts";
import type { PowerOptions } from "./options.ts";
import { playCut } from "./round.ts";
import { PowerStage } from "./stage.ts";

const LOG_LINES = 12;
/** Of an act, at one of which the power goes. */
const MOMENTS = 1000;

async function main(args: readonly string[]): Promise<boolean> {
  const options = readPowerOptions(args);
  console.log(`power: seed ${options.seed}`);
  await using stage = await PowerStage.make(options.seed);
  return await cutAll(options, stage);
}

async function cutAll(
  { cuts, seconds, seed, from, only }: PowerOptions,
  stage: PowerStage,
): Promise<boolean> {
  const chance = new Chance(seed);
  const decks = new Decks(chance);
  const acts = ACTS.filter(({ name }) => only === undefined || name === only);
  const durations = new Map<string, number>();
  const endsAt = Date.now() + seconds * 1000;
  let passed = 0;
  for (let cut = 1; passed < cuts && Date.now() < endsAt; cut++) {
    const act = decks.deal("acts", acts);
    const moment = chance.below(MOMENTS) / MOMENTS;
    if (cut < from) continue;
    const startedAt = Date.now();
    try {
      const said = await playCut(stage, act, { moment, durations });
      passed++;
      console.log(`cut ${cut}: ${said} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
    } catch (error) {
      console.log(`cut ${cut}: ${act.name}`);
      console.log(error);
      const failures = (await stage.daemon.log())
        .split("\n")
        .filter((line) => /^\{"level":[456]0/.test(line));
      console.log(failures.slice(-LOG_LINES).join("\n"));
      console.log(`again: ./test power --from ${cut} --cuts 1 --seed ${seed}`);
      console.log(`${passed} passed, 1 failed`);
      return false;
    }
  }
  console.log(`${passed} passed, 0 failed`);
  return true;
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
