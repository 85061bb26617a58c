/**
 * Forks of a VM with much memory of its own against those of one that has done nothing: until a command has run in each child, and what
 * the children take.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Vm } from "fastvm";
import { processOf } from "../../e2e/harness/processes.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { forkAndRun } from "./fork.ts";
import { GrownVm } from "./grown-vm.ts";
import { readMemory } from "./memory.ts";

const PRIVATE_MIB = 1300;
const MANY = 10;
/** One takes a third of a second, ten take some. */
const ONE_DIVISOR = 4;
const MANY_DIVISOR = 8;
/** Children write their new identities out. */
const SETTLE_MS = 2_000;

interface PrivateForkSamples {
  readonly fork1Ms: readonly number[];
  readonly idleFork1Ms: readonly number[];
  readonly fork10Ms: readonly number[];
  readonly idleFork10Ms: readonly number[];
  /** Of all ten together. */
  readonly pss10Mib: readonly number[];
  readonly idlePss10Mib: readonly number[];
}

export async function measurePrivateForks(session: Session, rounds: number): Promise<PrivateForkSamples> {
  const { client } = session;
  await using idle = await GrownVm.launch(client, MACHINE_TYPE);
  await using grown = await GrownVm.launch(client, MACHINE_TYPE);
  await grown.writeUpTo(PRIVATE_MIB);
  const [idleForks, grownForks] = [new Forks(session, idle.vm), new Forks(session, grown.vm)];
  // The first capture of each copies all that it has; what is measured are those that follow.
  for (const forks of [idleForks, grownForks]) await forks.fork(1);
  for (let round = 0; round < Math.ceil(rounds / ONE_DIVISOR); round++) {
    for (const forks of [idleForks, grownForks]) forks.oneMs.push(await forks.fork(1));
  }
  const rest = Math.ceil(rounds / MANY_DIVISOR) - 1;
  for (let round = 0; round < rest; round++) {
    for (const forks of [idleForks, grownForks]) forks.manyMs.push(await forks.fork(MANY));
  }
  for (const forks of [idleForks, grownForks]) await forks.forkAndWeigh();
  return {
    fork1Ms: grownForks.oneMs,
    idleFork1Ms: idleForks.oneMs,
    fork10Ms: grownForks.manyMs,
    idleFork10Ms: idleForks.manyMs,
    pss10Mib: grownForks.manyPssMib,
    idlePss10Mib: idleForks.manyPssMib,
  };
}

class Forks {
  readonly oneMs: number[] = [];
  readonly manyMs: number[] = [];
  readonly manyPssMib: number[] = [];
  readonly #session: Session;
  readonly #source: Vm;

  constructor(session: Session, source: Vm) {
    this.#session = session;
    this.#source = source;
  }

  async fork(count: number, beforeDelete?: (vms: readonly Vm[]) => Promise<void>): Promise<number> {
    const { client } = this.#session;
    const { elapsedMs, vms } = await forkAndRun(client, this.#source, count);
    await beforeDelete?.(vms);
    await Promise.all(vms.map((vm) => client.vms.delete(vm)));
    return elapsedMs;
  }

  /** What they take hardly differs from one fork to the next. */
  async forkAndWeigh(): Promise<void> {
    this.manyMs.push(
      await this.fork(MANY, async (vms) => void this.manyPssMib.push(await this.#pssMib(vms))),
    );
  }

  async #pssMib(vms: readonly Vm[]): Promise<number> {
    await sleep(SETTLE_MS);
    const { dataDir } = this.#session.daemon.config;
    const found = await Promise.all(vms.map(async ({ id }) => (await processOf(dataDir, id)).pid));
    const memory = await Promise.all(found.map(readMemory));
    return memory.reduce((sum, { pssMib }) => sum + pssMib, 0);
  }
}
