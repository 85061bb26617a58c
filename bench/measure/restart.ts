/**
 * How long a daemon that was killed is away, with VMs and without: from its start until
 * it answers, and until each VM has run a command again.
 */
import type { Vm } from "fastvm";
import { TestDaemon } from "../../e2e/harness/daemon.ts";
import { MACHINE_TYPE } from "../session.ts";
import { timed } from "../statistics.ts";
import { expectSuccess } from "./exec.ts";

export const RESTART_VMS = 30;
/** A restart takes a second or two, and hardly differs from the next one. */
const MAX_ROUNDS = 5;

interface RestartSamples {
  readonly restartEmptyMs: readonly number[];
  readonly restartMs: readonly number[];
  /** Of all VMs, asked at once. */
  readonly restartAnsweredMs: readonly number[];
}

export async function measureRestart(rounds: number): Promise<RestartSamples> {
  await using daemon = await TestDaemon.start({ poolSize: 0 });
  const count = Math.min(rounds, MAX_ROUNDS);
  const restartEmptyMs = await restarts(daemon, count);
  const vms: Vm[] = [];
  while (vms.length < RESTART_VMS) vms.push(await daemon.client.vms.launch({ machineType: MACHINE_TYPE }));
  const restartAnsweredMs: number[] = [];
  const restartMs = await restarts(daemon, count, async () => {
    const { client } = daemon;
    const answer = async (vm: Vm): Promise<void> =>
      expectSuccess((await client.vms.run(vm, ["true"])).exitCode);
    restartAnsweredMs.push(await timed(() => Promise.all(vms.map(answer))));
  });
  const answered = restartAnsweredMs.map((ms, round) => ms + (restartMs[round] ?? 0));
  return { restartEmptyMs, restartMs, restartAnsweredMs: answered };
}

async function restarts(
  daemon: TestDaemon,
  count: number,
  afterwards: () => Promise<void> = async () => {},
): Promise<number[]> {
  const samples: number[] = [];
  for (let round = 0; round < count; round++) {
    await daemon.sigkill();
    samples.push(await timed(() => daemon.restart()));
    await afterwards();
  }
  return samples;
}
