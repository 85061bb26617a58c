/** Ten at once, until each has run a command: children of a fork against ten bare restores. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FastvmClient, Vm } from "fastvm";
import { floorRestore } from "../floor/restore.ts";
import type { FloorSource, FloorVm } from "../floor/restore.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";
import { expectSuccess } from "./exec.ts";

const CHILDREN = 10;
const COMMAND = ["true"];
/** A round starts 21 VMs; a third of the rounds of the others gives a steady figure in the same time. */
const ROUNDS_DIVISOR = 3;
const SETTLE_MS = 300;

interface ForkSamples {
  readonly floorRestore10Ms: readonly number[];
  readonly fork10Ms: readonly number[];
}

export async function measureFork(session: Session, rounds: number): Promise<ForkSamples> {
  const { client, floor } = session;
  const source = await client.vms.launch({ machineType: MACHINE_TYPE });
  await client.vms.run(source, COMMAND);
  const floorRestore10Ms: number[] = [];
  const fork10Ms: number[] = [];
  for (let round = 0; round < Math.ceil(rounds / ROUNDS_DIVISOR); round++) {
    floorRestore10Ms.push(await restoreTen(floor));
    await sleep(SETTLE_MS);
    fork10Ms.push(await forkTen(client, source));
    await sleep(SETTLE_MS);
  }
  await client.vms.delete(source);
  return { floorRestore10Ms, fork10Ms };
}

async function restoreTen(floor: FloorSource): Promise<number> {
  const vms: FloorVm[] = [];
  const one = async (): Promise<void> => {
    const vm = await floorRestore(floor);
    vms.push(vm);
    expectSuccess(await vm.agent.exec(COMMAND));
  };
  try {
    return await timed(() => Promise.all(Array.from({ length: CHILDREN }, one)));
  } finally {
    await Promise.all(vms.map((vm) => vm[Symbol.asyncDispose]()));
  }
}

async function forkTen(client: FastvmClient, source: Vm): Promise<number> {
  const { elapsedMs, vms } = await forkAndRun(client, source, CHILDREN);
  await Promise.all(vms.map((vm) => client.vms.delete(vm)));
  return elapsedMs;
}

interface Forked {
  /** Until a command has run in each. */
  readonly elapsedMs: number;
  readonly vms: readonly Vm[];
}

export async function forkAndRun(client: FastvmClient, source: Vm, count: number): Promise<Forked> {
  const vms: Vm[] = [];
  const elapsedMs = await timed(async () => {
    const { children } = await client.vms.fork(source, { count });
    for (const child of children) {
      if (child.vm === undefined) throw new Error(`A child did not start: ${child.error.error}`);
      vms.push(child.vm);
    }
    await Promise.all(vms.map(async (vm) => expectSuccess((await client.vms.run(vm, COMMAND)).exitCode)));
  });
  return { elapsedMs, vms };
}
