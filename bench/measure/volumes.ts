/**
 * Files on a volume beside the same on the VM's own disk, in turns in one guest, and beside what the link to a guest moves. A VM that has
 * a volume is captured in turns with one that has none.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { FastvmClient, Vm } from "fastvm";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";

const SCRIPT = fileURLToPath(new URL("../floor/file-work.py", import.meta.url));
/** So much is written and read at once: more than caches on the way hold back, and seconds under emulation. */
export const MOVED_MIB = 32;
/** Of the tree whose `git status` is timed. Emulated, a guest takes minutes to make the larger one. */
const TREE_FILES = { kvm: 20_000, tcg: 2_000 } as const;
/** A round is seconds of work on each side. */
const ROUNDS_DIVISOR = 3;

export const FILE_WORKS = ["write", "read", "randomRead", "randomWrite", "names", "gitStatus"] as const;
export type FileWork = (typeof FILE_WORKS)[number];
type Took = Readonly<Record<FileWork, number>>;

interface VolumeSamples {
  readonly volume: readonly Took[];
  readonly ownDisk: readonly Took[];
  /** Of the link itself, each way: so much as the works move. */
  readonly linkInMs: readonly number[];
  readonly linkOutMs: readonly number[];
  readonly pauseMs: readonly number[];
  readonly pauseWithoutMs: readonly number[];
}

export async function measureVolumes({ client, floor }: Session, rounds: number): Promise<VolumeSamples> {
  const volume = await client.volumes.create({ name: "measured", sizeGiB: 1 });
  const volumes = [{ volumeId: volume.id, mountPath: "/mnt/measured" }];
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE, volumes });
  const without = await client.vms.launch({ machineType: MACHINE_TYPE });
  await client.vms.files.write(vm, "/root/file-work.py", await readFile(SCRIPT));
  const files = floor.machine.accelerator === "kvm" ? TREE_FILES.kvm : TREE_FILES.tcg;
  const samples = {
    volume: [] as Took[],
    ownDisk: [] as Took[],
    linkInMs: [] as number[],
    linkOutMs: [] as number[],
    pauseMs: [] as number[],
    pauseWithoutMs: [] as number[],
  };
  const content = new Uint8Array(MOVED_MIB * 1024 ** 2);
  for (let round = 0; round < Math.ceil(rounds / ROUNDS_DIVISOR); round++) {
    samples.volume.push(await workIn(client, vm, "/mnt/measured", files));
    samples.ownDisk.push(await workIn(client, vm, "/root/measured", files));
    samples.linkInMs.push(await timed(() => client.vms.files.write(vm, "/dev/shm/moved", content)));
    samples.linkOutMs.push(
      await timed(() => client.vms.files.read(vm, "/dev/shm/moved", { format: "bytes" })),
    );
  }
  // What the works left in memory each capture would copy: the first takes it.
  await pauseOf(client, vm);
  await pauseOf(client, without);
  for (let round = 0; round < rounds; round++) {
    samples.pauseMs.push(await pauseOf(client, vm));
    samples.pauseWithoutMs.push(await pauseOf(client, without));
  }
  await Promise.all([client.vms.delete(vm), client.vms.delete(without)]);
  await client.volumes.delete(volume);
  return samples;
}

async function workIn(client: FastvmClient, vm: Vm, folder: string, files: number): Promise<Took> {
  const command = ["python3", "/root/file-work.py", folder, `${MOVED_MIB}`, `${files}`];
  const { exitCode, stdout, stderr } = await client.vms.run(vm, command, { timeoutSec: 600 });
  if (exitCode !== 0) throw new Error(`the work in ${folder} ended with ${exitCode}: ${stderr}`);
  return JSON.parse(stdout) as Took;
}

async function pauseOf(client: FastvmClient, vm: Vm): Promise<number> {
  const snapshot = await client.snapshots.create({ vmId: vm.id });
  await client.snapshots.delete(snapshot);
  if (snapshot.pauseMs === undefined) throw new Error("A snapshot of a running VM reports no pause");
  return snapshot.pauseMs;
}
