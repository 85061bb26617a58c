/** Thirty launches at once, until each has answered, without a pool: against as many bare restores. */
import { setTimeout as sleep } from "node:timers/promises";
import type { TestDaemon } from "../../e2e/harness/daemon.ts";
import { floorRestore } from "../floor/restore.ts";
import type { FloorVm } from "../floor/restore.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";

export const STORM_VMS = 30;
const STORMS = 3;
/** The kernel frees ended VMs' memory after their processes have gone. */
const SETTLE_MS = 1_500;
/** The daemon looks at its loop so often: a turn's length is what it finds beyond that. */
const LOOP_LAG_EVERY_MS = 100;
const MS_PER_SECOND = 1_000;

interface StormSamples {
  /** Of each storm, until the last. */
  readonly stormMs: readonly number[];
  readonly floorStormMs: readonly number[];
  /** Of each launch. */
  readonly launchMs: readonly number[];
  /** The longest turn of the daemon's event loop, in each. */
  readonly stallMs: readonly number[];
}

export async function measureStorm(session: Session): Promise<StormSamples> {
  const { client, daemon } = session;
  const samples = {
    stormMs: [] as number[],
    floorStormMs: [] as number[],
    launchMs: [] as number[],
    stallMs: [] as number[],
  };
  for (let round = 0; round < STORMS; round++) {
    samples.floorStormMs.push(await floorStorm(session));
    await sleep(SETTLE_MS);
    await longestTurnMs(daemon);
    const storm = Array.from({ length: STORM_VMS }, async () => {
      const startedAt = performance.now();
      const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
      return { vm, tookMs: performance.now() - startedAt };
    });
    const launched = await Promise.all(storm);
    samples.stallMs.push(await longestTurnMs(daemon));
    const tookMs = launched.map((each) => each.tookMs);
    samples.launchMs.push(...tookMs);
    // All began at once.
    samples.stormMs.push(Math.max(...tookMs));
    await Promise.all(launched.map(({ vm }) => client.vms.delete(vm)));
    await sleep(SETTLE_MS);
  }
  return samples;
}

async function floorStorm({ floor }: Session): Promise<number> {
  const vms: FloorVm[] = [];
  const restore = async (): Promise<void> => void vms.push(await floorRestore(floor));
  try {
    return await timed(() => Promise.all(Array.from({ length: STORM_VMS }, restore)));
  } finally {
    await Promise.all(vms.map((vm) => vm[Symbol.asyncDispose]()));
  }
}

/** Since it was asked last. */
async function longestTurnMs(daemon: TestDaemon): Promise<number> {
  const found = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(await daemon.metrics());
  if (found === null) throw new Error("The daemon does not say how long its loop was held up");
  return Math.max(0, Number(found[1]) * MS_PER_SECOND - LOOP_LAG_EVERY_MS);
}
