/** One `true`, from the client's call to its result, against the same frames sent by hand. */
import { floorRestore } from "../floor/restore.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";

/** A command takes milliseconds: many of them cost nothing and steady the figure. */
const COMMANDS_PER_ROUND = 12;
/** A daemon is at its speed, as Node translates what is called often, after some hundreds; before, a command takes 2 ms more. */
const WARM_UP_COMMANDS = 400;
const COMMAND = ["true"];

interface ExecSamples {
  readonly floorExecMs: readonly number[];
  readonly execMs: readonly number[];
}

export async function measureExec(session: Session, rounds: number): Promise<ExecSamples> {
  const { client } = session;
  await using floor = await floorRestore(session.floor);
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE });
  const floorExecMs: number[] = [];
  const execMs: number[] = [];
  const bare = (): Promise<number> => timed(async () => expectSuccess(await floor.agent.exec(COMMAND)));
  const ours = (): Promise<number> =>
    timed(async () => expectSuccess((await client.vms.run(vm, COMMAND)).exitCode));
  for (let at = 0; at < WARM_UP_COMMANDS; at++) {
    await bare();
    await ours();
  }
  // Some of each in a row: by turns each would find the processors' caches full of the other.
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < COMMANDS_PER_ROUND; at++) floorExecMs.push(await bare());
    for (let at = 0; at < COMMANDS_PER_ROUND; at++) execMs.push(await ours());
  }
  await client.vms.delete(vm);
  return { floorExecMs, execMs };
}

export function expectSuccess(exitCode: number): void {
  if (exitCode !== 0) throw new Error(`true ended with ${exitCode}`);
}
