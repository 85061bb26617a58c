/** Ends daemons at the steps of a checkout and of what fills the pool behind it: afterwards all counts are what they must be. */
import { equal, ok } from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { StepName } from "@fastvm/contract";
import type { TestDaemon } from "../harness/daemon.ts";
import { isLost } from "../harness/lost-connection.ts";
import type { Machines } from "../harness/machines.ts";
import type { Steps } from "../harness/steps.ts";
import { Chance } from "../soak/chance.ts";
import type { PoolLab } from "./pool-lab.ts";

/** A pool of two: one is given out, the other is there for whoever comes again. */
export const POOL_READY = 2;
/** How long an order waits for a machine, after a daemon's end too. */
const WAIT_MS = 50_000;
/** A checkout and its refill take seconds, on a busy machine some. */
const REACH_MS = 30_000;
const POLL_MS = 20;

export interface Killing {
  readonly daemon: TestDaemon;
  readonly machines: Machines;
  readonly steps: Steps;
  readonly lab: PoolLab;
  /** Machines that were given out so far. */
  claimed: number;
}

interface Kill {
  readonly step: StepName;
  /** How many passes of the step go well before. */
  readonly after: number;
}

/** One at each step that a checkout and the refill pass, in the seed's order. */
export async function planKills(killing: Killing, seed: number): Promise<readonly Kill[]> {
  await killing.steps.forget();
  const id = await giveOne(killing, "the steps");
  const passed = await killing.steps.passed();
  await killing.machines.destroy(id);
  const counts = new Map<StepName, number>();
  for (const name of passed) counts.set(name, (counts.get(name) ?? 0) + 1);
  const chance = new Chance(seed);
  // The second half of its passes may be what was done for the next round.
  return chance
    .shuffled([...counts.keys()].toSorted())
    .map((step) => ({ step, after: chance.below(Math.ceil((counts.get(step) ?? 1) / 2)) }));
}

/** `false`: the work was over before it came to the step that often. */
export async function killAt(killing: Killing, { step, after }: Kill): Promise<boolean> {
  const { daemon, steps, lab } = killing;
  const once = `${step} ${killing.claimed}`;
  await steps.order({ step, after, effect: "kill" });
  // Where it is the refill that is cut, the order was answered before.
  const outcome = await lab.order("require", once, WAIT_MS).then(
    ({ id }) => ({ id }),
    (error: unknown) => ({ error }),
  );
  const isKilled = await endsBy(steps);
  // Only that it is not answered is a killed daemon's doing.
  if ("error" in outcome && !(isKilled && isLost(outcome.error))) throw outcome.error;
  if (isKilled) {
    await daemon.ended();
    await daemon.restart();
  }
  await steps.clear();
  const given = await giveOne(killing, once);
  if ("id" in outcome) equal(given, outcome.id, "another machine under the same key");
  await killing.machines.destroy(given);
  return isKilled;
}

/** Resolves, when the pool is full again and all is counted, to the machine's id. */
async function giveOne(killing: Killing, once: string): Promise<string> {
  const { machines, lab } = killing;
  const { id, warm_pool_checkout: checkout } = await lab.order("require", once, WAIT_MS);
  ok(checkout.hit, "what is required comes out of the pool");
  equal((await machines.run(id, "echo runs")).stdout, "runs\n");
  await lab.filled(POOL_READY);
  killing.claimed += 1;
  await lab.hasNothingElse([id], killing.claimed, POOL_READY);
  return id;
}

async function endsBy(steps: Steps): Promise<boolean> {
  for (const until = Date.now() + REACH_MS; Date.now() < until; await sleep(POLL_MS))
    if (steps.isReached) return true;
  return false;
}
