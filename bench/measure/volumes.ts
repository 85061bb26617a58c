/**
 * Files on a volume beside the same on the VM's own disk, in turns in one guest, and beside what the link to a guest moves; beside them, in
 * a guest of a bare QEMU, a folder by 9p and that VM's own disk. A VM that has a volume is captured in turns with one that has none.
 */
import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { FastvmClient, Vm } from "fastvm";
import { NINEP_PATH, NinepVm } from "../floor/ninep/vm.ts";
import { MACHINE_TYPE } from "../session.ts";
import type { Session } from "../session.ts";
import { timed } from "../statistics.ts";

/** What is run in guests, and first what makes the tree of files that git looks at. */
const [TREE, WORK] = ["file-tree.py", "file-work.py"] as const;
const scriptOf = (name: string) => fileURLToPath(new URL(`../floor/${name}`, import.meta.url));
const run = promisify(execFile);
/** So much is written and read at once: more than caches on the way hold back, and seconds under emulation. */
export const MOVED_MIB = 32;
/** Whose `git status` is timed. */
const TREE_FILES = "20000";
const LONGEST_S = 1_200;
/** A round is seconds of work on each side. */
const ROUNDS_DIVISOR = 3;

export const FILE_WORKS = ["write", "read", "randomRead", "randomWrite", "names", "gitStatus"] as const;
export type FileWork = (typeof FILE_WORKS)[number];
type Took = Readonly<Record<FileWork, number>>;

interface VolumeSamples {
  readonly volume: readonly Took[];
  readonly ownDisk: readonly Took[];
  readonly ninep: readonly Took[];
  /** Of the VM that has the folder by 9p. */
  readonly ninepDisk: readonly Took[];
  /** Of the link itself, each way: so much as the works move. */
  readonly linkInMs: readonly number[];
  readonly linkOutMs: readonly number[];
  readonly pauseMs: readonly number[];
  readonly pauseWithoutMs: readonly number[];
}

export async function measureVolumes(session: Session, rounds: number): Promise<VolumeSamples> {
  const { client } = session;
  const volume = await client.volumes.create({ name: "measured", sizeGiB: 2 });
  const volumes = [{ volumeId: volume.id, mountPath: "/mnt/measured" }];
  const vm = await client.vms.launch({ machineType: MACHINE_TYPE, volumes });
  const without = await client.vms.launch({ machineType: MACHINE_TYPE });
  for (const name of [TREE, WORK])
    await client.vms.files.write(vm, `/root/${name}`, await readFile(scriptOf(name)));
  await inGuest(client, vm, ["python3", `/root/${TREE}`, "/root/measured", TREE_FILES]);
  const cmdline = await inGuest(client, vm, ["cat", "/proc/cmdline"]);
  // Emulated guests would take half an hour to make so many.
  const onHost = join(session.daemon.config.dataDir, "volumes", volume.id, "mount");
  await run("python3", [scriptOf(TREE), onHost, TREE_FILES]);
  const samples = {
    volume: [] as Took[],
    ownDisk: [] as Took[],
    ninep: [] as Took[],
    ninepDisk: [] as Took[],
    linkInMs: [] as number[],
    linkOutMs: [] as number[],
    pauseMs: [] as number[],
    pauseWithoutMs: [] as number[],
  };
  const content = new Uint8Array(MOVED_MIB * 1024 ** 2);
  {
    await using ninep = await bootNinep(session, onHost, cmdline.trim());
    for (let round = 0; round < Math.ceil(rounds / ROUNDS_DIVISOR); round++) {
      samples.volume.push(await workIn(client, vm, "/mnt/measured"));
      samples.ninep.push(await workByNinep(ninep, NINEP_PATH));
      samples.ownDisk.push(await workIn(client, vm, "/root/measured"));
      samples.ninepDisk.push(await workByNinep(ninep, "/root/measured"));
      samples.linkInMs.push(await timed(() => client.vms.files.write(vm, "/dev/shm/moved", content)));
      samples.linkOutMs.push(
        await timed(() => client.vms.files.read(vm, "/dev/shm/moved", { format: "bytes" })),
      );
    }
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

/** What it has lies on the volume's own filesystem, as its host has that mounted: the same disk is below both. */
async function bootNinep({ daemon, floor }: Session, onHost: string, cmdline: string): Promise<NinepVm> {
  const shared = join(onHost, "by-9p");
  await mkdir(shared);
  await run("python3", [scriptOf(TREE), shared, TREE_FILES]);
  for (const name of [TREE, WORK]) await copyFile(scriptOf(name), join(shared, name));
  const { machine, scratch } = floor;
  const ninep = await NinepVm.boot({ machine, cacheDir: daemon.config.cacheDir, cmdline, scratch, shared });
  await ninep.sh(`cp ${NINEP_PATH}/*.py /root/ && python3 /root/${TREE} /root/measured ${TREE_FILES}`);
  return ninep;
}

const workOf = (folder: string) => ["python3", `/root/${WORK}`, folder, `${MOVED_MIB}`];

async function workByNinep(ninep: NinepVm, folder: string): Promise<Took> {
  return JSON.parse(await ninep.sh(workOf(folder).join(" "))) as Took;
}

async function workIn(client: FastvmClient, vm: Vm, folder: string): Promise<Took> {
  return JSON.parse(await inGuest(client, vm, workOf(folder))) as Took;
}

async function inGuest(client: FastvmClient, vm: Vm, command: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await client.vms.run(vm, command, { timeoutSec: LONGEST_S });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stderr}`);
  return stdout;
}

async function pauseOf(client: FastvmClient, vm: Vm): Promise<number> {
  const snapshot = await client.snapshots.create({ vmId: vm.id });
  await client.snapshots.delete(snapshot);
  if (snapshot.pauseMs === undefined) throw new Error("A snapshot of a running VM reports no pause");
  return snapshot.pauseMs;
}
