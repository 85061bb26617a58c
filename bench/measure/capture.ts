/** How long a running VM stands still while it is snapshotted or forked. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FastvmClient, Vm } from "fastvm";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";

const MIB = 1024 ** 2;
/** The bound is for at most this much. */
const MAX_DIRTY_BYTES = 16 * MIB;
/** What the guest writes between two captures, besides what any command dirties. */
const WRITTEN_MIB = 1;
/** Dirty memory only grows over a VM's life; a VM that has more than the bound speaks of is replaced, this many times per round. */
const MAX_TRIES = 3;

interface Pause {
  readonly pauseMs: number;
  readonly dirtyBytes: number;
}

interface CaptureSamples {
  readonly capturePauseMs: readonly number[];
  readonly captureDirtyMib: readonly number[];
  readonly forkPauseMs: readonly number[];
  readonly forkDirtyMib: readonly number[];
}

export async function measureCapture(session: Session, rounds: number): Promise<CaptureSamples> {
  const snapshots = new PauseSeries(session, (vm) => snapshotOnce(session, vm));
  const forks = new PauseSeries(session, (vm) => forkOnce(session.client, vm));
  for (let round = 0; round < rounds; round++) {
    await snapshots.round();
    await forks.round();
  }
  await snapshots.end();
  await forks.end();
  return {
    capturePauseMs: snapshots.pauses.map(({ pauseMs }) => pauseMs),
    captureDirtyMib: snapshots.pauses.map(({ dirtyBytes }) => dirtyBytes / MIB),
    forkPauseMs: forks.pauses.map(({ pauseMs }) => pauseMs),
    forkDirtyMib: forks.pauses.map(({ dirtyBytes }) => dirtyBytes / MIB),
  };
}

class PauseSeries {
  readonly pauses: Pause[] = [];
  readonly #session: Session;
  readonly #capture: (vm: Vm) => Promise<Pause>;
  #vm: Vm | undefined;

  constructor(session: Session, capture: (vm: Vm) => Promise<Pause>) {
    this.#session = session;
    this.#capture = capture;
  }

  /** One capture with few enough dirty pages. */
  async round(): Promise<void> {
    const { client } = this.#session;
    let dirtyBytes = 0;
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      this.#vm ??= await client.vms.launch({ machineType: MACHINE_TYPE });
      await client.vms.run(this.#vm, `head -c ${WRITTEN_MIB}M /dev/urandom > /dev/shm/written`);
      const pause = await this.#capture(this.#vm);
      dirtyBytes = pause.dirtyBytes;
      if (dirtyBytes <= MAX_DIRTY_BYTES) {
        this.pauses.push(pause);
        return;
      }
      await this.end();
    }
    throw new Error(
      `A new VM has ${Math.round(dirtyBytes / MIB)} MiB of dirty memory, more than the bound is for`,
    );
  }

  async end(): Promise<void> {
    if (this.#vm !== undefined) await this.#session.client.vms.delete(this.#vm);
    this.#vm = undefined;
  }
}

async function snapshotOnce(session: Session, vm: Vm): Promise<Pause> {
  const { client, daemon } = session;
  const snapshot = await client.snapshots.create({ vmId: vm.id });
  const path = join(daemon.config.dataDir, "snapshots", snapshot.id, "manifest.json");
  const manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
  await client.snapshots.delete(snapshot);
  if (snapshot.pauseMs === undefined) throw new Error("A snapshot of a running VM reports no pause");
  return { pauseMs: snapshot.pauseMs, dirtyBytes: copiedIn(manifest) };
}

interface Manifest {
  /** Of versions before page files. */
  readonly delta?: { readonly bytes: number };
  readonly pages?: { readonly files: readonly { readonly bytes: number }[] };
}

/** Each capture adds its pages as the last file. */
function copiedIn({ delta, pages }: Manifest): number {
  return delta?.bytes ?? pages?.files.at(-1)?.bytes ?? 0;
}

async function forkOnce(client: FastvmClient, vm: Vm): Promise<Pause> {
  const { children, pauseMs, dirtyBytes } = await client.vms.fork(vm);
  for (const child of children) if (child.vm !== undefined) await client.vms.delete(child.vm);
  return { pauseMs, dirtyBytes };
}
