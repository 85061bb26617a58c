/** One `true`, from the client's call to its result, against the same frames sent by hand. */
import { floorRestore } from "../floor/restore.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";

/** A command takes milliseconds: many of them cost nothing and steady the figure. */
const COMMANDS_PER_ROUND = 6;
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
  const commands = rounds * COMMANDS_PER_ROUND;
  // Emulated code is slow until it is translated: the first commands warm both guests.
  for (let at = -COMMANDS_PER_ROUND; at < commands; at++) {
    const bare = await timed(async () => expectSuccess(await floor.agent.exec(COMMAND)));
    const ours = await timed(async () => expectSuccess((await client.vms.run(vm, COMMAND)).exitCode));
    if (at < 0) continue;
    floorExecMs.push(bare);
    execMs.push(ours);
  }
  await client.vms.delete(vm);
  return { floorExecMs, execMs };
}

export function expectSuccess(exitCode: number): void {
  if (exitCode !== 0) throw new Error(`true ended with ${exitCode}`);
}
