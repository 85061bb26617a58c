/** How long a VM stands still in a snapshot: by its size, by what it wrote before, and by what its guest does meanwhile. */
import type { FastvmClient, Vm } from "fastvm";
import { FloorPauses } from "../floor/pause.ts";
import { floorRestore } from "../floor/restore.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { GrownVm, GUESTS, writeCommand } from "./grown-vm.ts";
import type { GuestWork } from "./grown-vm.ts";

const MEMORIES_GIB = [2, 8, 16] as const;
const WRITTEN_MIB = [1, 16, 128, 512, 1300] as const;
type MemoryGib = (typeof MEMORIES_GIB)[number];
type WrittenMib = (typeof WRITTEN_MIB)[number];

export type CellName = `${MemoryGib}gib_${WrittenMib}mib_${GuestWork}`;

export interface Cell {
  readonly name: CellName;
  readonly memoryGib: MemoryGib;
  readonly writtenMib: WrittenMib;
  readonly guest: GuestWork;
  /** Measured in each run, often enough for a p99. */
  readonly isNamed: boolean;
}

/** The corners, and what lies between them once. */
const NAMED: ReadonlySet<CellName> = new Set<CellName>([
  "2gib_1mib_idle",
  "2gib_512mib_writing",
  "2gib_1300mib_idle",
  "8gib_128mib_compiling",
  "16gib_1300mib_idle",
  "16gib_1300mib_compiling",
]);
/** The second snapshot of an idle VM with that much of its own is one of this cell's. */
export const PRIVATE_CELL: CellName = "2gib_1300mib_idle";

/** In the order in which they are measured: a VM's writes only grow. */
export const CELLS: readonly Cell[] = MEMORIES_GIB.flatMap((memoryGib) =>
  WRITTEN_MIB.flatMap((writtenMib) =>
    GUESTS.map((guest) => {
      const name: CellName = `${memoryGib}gib_${writtenMib}mib_${guest}`;
      return { name, memoryGib, writtenMib, guest, isNamed: NAMED.has(name) };
    }),
  ),
);

/** With the default rounds 105: enough for a p99. */
const NAMED_PER_ROUND = 7;

interface CellSamples {
  readonly pauseMs: readonly number[];
  /** Of the whole call, by a client. */
  readonly callMs: readonly number[];
}

export interface PauseSamples {
  readonly cells: ReadonlyMap<CellName, CellSamples>;
  /** Of idle guests of the session's machine type. */
  readonly floors: ReadonlyMap<CellName, readonly number[]>;
}

export async function measurePauses(session: Session, rounds: number, full: boolean): Promise<PauseSamples> {
  const chosen = CELLS.filter(({ isNamed }) => full || isNamed);
  const cells = new Map<CellName, CellSamples>();
  for (const memoryGib of MEMORIES_GIB) {
    // One at a time: sixteen gibibytes are most of a small host's memory.
    await using grown = await GrownVm.launch(session.client, `c1m${memoryGib}`);
    for (const cell of chosen.filter((one) => one.memoryGib === memoryGib)) {
      await grown.writeUpTo(cell.writtenMib);
      const count = cell.isNamed ? rounds * NAMED_PER_ROUND : rounds;
      cells.set(cell.name, await grown.while(cell.guest, () => snapshots(session.client, grown.vm, count)));
    }
  }
  const withFloor = chosen.filter(
    ({ memoryGib, guest }) => `c1m${memoryGib}` === MACHINE_TYPE && guest === "idle",
  );
  return { cells, floors: await floorPauses(session, withFloor, rounds) };
}

async function snapshots(client: FastvmClient, vm: Vm, count: number): Promise<CellSamples> {
  const [pauseMs, callMs]: [number[], number[]] = [[], []];
  for (let taken = 0; taken < count; taken++) {
    const startedAt = performance.now();
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    callMs.push(performance.now() - startedAt);
    if (snapshot.pauseMs === undefined) throw new Error("A snapshot of a running VM reports no pause");
    pauseMs.push(snapshot.pauseMs);
    await client.snapshots.delete(snapshot);
  }
  return { pauseMs, callMs };
}

async function floorPauses(
  { floor }: Session,
  cells: readonly Cell[],
  count: number,
): Promise<ReadonlyMap<CellName, readonly number[]>> {
  const floors = new Map<CellName, readonly number[]>();
  await using vm = await floorRestore(floor, { tracksWrites: true });
  await using pauses = await FloorPauses.begin(vm);
  const run = async (command: string): Promise<void> => {
    if ((await vm.agent.exec(["sh", "-c", command])) !== 0)
      throw new Error(`The floor's "${command}" failed`);
  };
  await run("mount -o remount,size=90% /dev/shm");
  let writtenMib = 0;
  for (const cell of cells) {
    await run(writeCommand(cell.writtenMib - writtenMib));
    ({ writtenMib } = cell);
    const samples: number[] = [];
    while (samples.length < count) samples.push(await pauses.once());
    floors.set(cell.name, samples);
  }
  return floors;
}
