/** Warm pools on real VMs, as many as are asked for: a burst that is counted, and daemons ended at each step. `./test pools`. */
import { equal } from "node:assert/strict";
import { TestDaemon } from "../harness/daemon.ts";
import { Machines } from "../harness/machines.ts";
import { Steps } from "../harness/steps.ts";
import { killAt, planKills, POOL_READY, type Killing } from "./kills.ts";
import { readPoolOptions, type PoolOptions } from "./options.ts";
import { PoolLab } from "./pool-lab.ts";

/** Small enough that forty have room. */
const RESOURCES = { memory_mb: 256 };
const LOG_LINES = 12;

type World = Omit<Killing, "lab" | "claimed">;

interface Tally {
  passed: number;
}

async function main(args: readonly string[]): Promise<boolean> {
  const options = readPoolOptions(args);
  console.log(`pools: seed ${options.seed}`);
  const steps = await Steps.make();
  const daemon = await TestDaemon.start({ poolSize: 1, settings: { stepsFolder: steps.folder } });
  const tally: Tally = { passed: 0 };
  try {
    const world = { daemon, steps, machines: await Machines.of(daemon) };
    if (options.burst > 0) await playBurst(options, world, tally);
    if (options.kills > 0) await playKills(options, world, tally);
    console.log(`${tally.passed} passed, 0 failed`);
    return true;
  } catch (error) {
    console.log(error);
    const failures = (await daemon.log()).split("\n").filter((line) => /^\{"level":[456]0/.test(line));
    console.log(failures.slice(-LOG_LINES).join("\n"));
    console.log(`${tally.passed} passed, 1 failed`);
    return false;
  } finally {
    await steps.clear();
    await daemon[Symbol.asyncDispose]();
    await steps.remove();
  }
}

async function playBurst({ ready, burst }: PoolOptions, world: World, tally: Tally): Promise<void> {
  const { daemon, machines } = world;
  const order = { name: "burst", min_ready: ready, resources: RESOURCES };
  const lab = await PoolLab.make(daemon, machines, order);
  await lab.filled(ready);
  const startedAt = performance.now();
  const { hits, cold } = await lab.burst(burst);
  const answeredMs = performance.now() - startedAt;
  equal(hits.length, Math.min(ready, burst));
  equal(cold.length, burst - hits.length);
  const given = [...hits, ...cold];
  const ids = given.map(({ id }) => id);
  await lab.hasNothingElse(ids, hits.length, ready - hits.length);
  await lab.areTheirOwn(given);
  console.log(
    `${burst} at once on a pool of ${ready}: ${hits.length} hits, ${cold.length} cold, ` +
      `each a machine of its own (answered in ${inSeconds(answeredMs)})`,
  );
  // Filled while they run, with others than were given out.
  await lab.keep(ready);
  await lab.filled(ready);
  await lab.hasNothingElse(ids, hits.length, ready);
  console.log(`filled again while they run (${inSeconds(performance.now() - startedAt)})`);
  await machines.destroy(...ids);
  await lab.remove();
  await lab.isGone();
  tally.passed += 1;
}

async function playKills({ seed, from, kills }: PoolOptions, world: World, tally: Tally): Promise<void> {
  const { daemon, machines } = world;
  const order = { name: "kills", min_ready: POOL_READY, resources: RESOURCES };
  const lab = await PoolLab.make(daemon, machines, order);
  await lab.filled(POOL_READY);
  const killing = { ...world, lab, claimed: 0 };
  const plan = await planKills(killing, seed);
  console.log(`a checkout and its refill pass ${plan.length} steps`);
  let played = 0;
  let killed = 0;
  for (const [at, kill] of plan.entries()) {
    const number = at + 1;
    if (number < from || number >= from + kills) continue;
    const startedAt = performance.now();
    const what = `kill ${number}: ${kill.step}, pass ${kill.after + 1}`;
    try {
      const isKilled = await killAt(killing, kill);
      const said = isKilled ? "counts are right" : "not passed so often";
      console.log(`${what}: ${said} (${inSeconds(performance.now() - startedAt)})`);
      played += 1;
      killed += Number(isKilled);
      tally.passed += Number(isKilled);
    } catch (error) {
      console.log(what);
      console.log(`again: ./test pools --burst 0 --from ${number} --kills 1 --seed ${seed}`);
      throw error;
    }
  }
  if (kills > 0 && killed === 0) throw new Error(`no daemon was killed in ${played} of the kills asked for`);
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
