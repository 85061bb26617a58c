/** The volumes of this host: made, grown, mounted on the host and removed. Who uses them is not known here. */
import { link, mkdir, readdir, realpath, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError, step } from "@fastvm/contract";
import type { VolumeId, VolumeKind, VolumeSpec, VolumeUsage } from "@fastvm/contract";
import { SerialQueue } from "../concurrency/serial-queue.ts";
import { CLOSED_FOLDER_MODE, makeClosedFolder } from "../files/closed-folder.ts";
import { publishFolder, syncPath } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { newPartialFolder } from "../snapshot/partial-folder.ts";
import { copyMounted, thawMounted } from "./copy-filesystem.ts";
import {
  allocate,
  freeStaleLoops,
  giveBeyondBack,
  growMounted,
  growUnmounted,
  initialiseRoot,
  makeFilesystem,
  mayGrowMounted,
  mountDevice,
  mountFilesystem,
  reserve,
  reserveBeyond,
  reserveHoles,
  unmountFilesystem,
  usedBytes,
  writeOutMounted,
} from "./filesystem.ts";
import { loopsBeneath, mountsBeneath } from "./mount-table.ts";
import { repairIfCut } from "./repair-filesystem.ts";
import {
  DISK_FILE,
  IMAGE_FILE,
  isVolumeName,
  mountPoint,
  removedFolder,
  volumeFolder,
} from "./volume-layout.ts";

const GIB = 1024 ** 3;

interface FoundVolume {
  readonly folder: string;
  readonly image: string;
  readonly kind: VolumeKind;
  readonly sizeGib: number;
}

export class VolumeStore {
  #root: string;
  readonly #growsMounted: boolean | undefined;
  /** What is done with a volume, one thing at a time. */
  readonly #turns = new Map<VolumeId, SerialQueue>();

  /** `growsMounted`: default: as the kernel lets this process. */
  constructor(root: string, growsMounted?: boolean) {
    this.#root = root;
    this.#growsMounted = growsMounted;
  }

  /** After whatever end of the daemon before: half-made volumes go, and mounts and devices that nobody owns. What is mounted stays. */
  async recover(): Promise<void> {
    await makeClosedFolder(this.#root);
    // As the kernel's table of mounts has it.
    this.#root = await realpath(this.#root);
    for (const { path } of await mountsBeneath(this.#root)) {
      const [name = ""] = path.slice(this.#root.length + 1).split("/");
      if (isVolumeName(name)) await thawMounted(path);
      else await unmountFilesystem(path);
    }
    await freeStaleLoops(this.#root);
    for (const name of await readdir(this.#root)) {
      if (!isVolumeName(name)) await rm(join(this.#root, name), { recursive: true, force: true });
      else await this.#giveBack(name);
    }
  }

  /** Unmounts what is not in use; what VMs have stays as it is. */
  async close(): Promise<void> {
    for (const { path } of await mountsBeneath(this.#root)) {
      await unmountFilesystem(path).catch((error: unknown) => {
        if (!(error instanceof FastvmError && error.code === "volume_busy")) throw error;
      });
    }
  }

  async list(): Promise<readonly VolumeId[]> {
    return (await readdir(this.#root)).filter(isVolumeName);
  }

  async create({ volumeId, kind, sizeGib, copyOf }: VolumeSpec): Promise<void> {
    await this.#turn(volumeId, async () => {
      if ((await this.#find(volumeId)) !== undefined) return;
      const folder = volumeFolder(this.#root, volumeId);
      const partial = await newPartialFolder(folder);
      await mkdir(mountPoint(partial), { recursive: true, mode: CLOSED_FOLDER_MODE });
      try {
        await step("volume.begun");
        if (copyOf !== undefined) await this.#copy(copyOf, partial, sizeGib);
        else await (kind === "disk" ? makeDisk : make)(partial, sizeGib);
        await publishFolder(partial, folder);
        await step("volume.published");
      } catch (error) {
        await rm(partial, { recursive: true, force: true });
        throw error;
      }
    });
  }

  /**
   * `aside` is called where the kernel lets nobody grow what is mounted: it does the work while nobody else has the volume. While anybody
   * has it it is refused with `volume_busy`, and is as it was.
   */
  async grow(
    volumeId: VolumeId,
    sizeGib: number,
    aside: (work: () => Promise<void>) => Promise<void> = (work) => work(),
  ): Promise<void> {
    const { kind } = await this.require(volumeId);
    if (kind === "disk") return await this.#growDisk(volumeId, sizeGib);
    if (this.#growsMounted ?? (await mayGrowMounted())) return await this.#growMounted(volumeId, sizeGib);
    // What takes long comes before anybody waits for it.
    await this.#reserveGrowth(volumeId, sizeGib);
    try {
      await aside(() => this.#growAside(volumeId, sizeGib));
    } catch (error) {
      await this.#giveBack(volumeId);
      throw error;
    }
  }

  /** Its file system is the guest's, and what a guest has written the host does not read. */
  async #growDisk(volumeId: VolumeId, sizeGib: number): Promise<void> {
    await this.#turn(volumeId, async () => {
      const { image } = await this.require(volumeId);
      await step("volume.grow-begun");
      await assertNobodysDisk(image);
      await allocate(image, sizeGib);
    });
  }

  async #growMounted(volumeId: VolumeId, sizeGib: number): Promise<void> {
    await this.#turn(volumeId, async () => {
      const { image, folder } = await this.require(volumeId);
      await step("volume.grow-begun");
      await allocate(image, sizeGib);
      await step("volume.allocated");
      await this.#mount(folder, image);
      await growMounted(mountPoint(folder));
      await step("volume.grown");
    });
  }

  async #growAside(volumeId: VolumeId, sizeGib: number): Promise<void> {
    await this.#turn(volumeId, async () => {
      const { image, folder } = await this.require(volumeId);
      await step("volume.grow-begun");
      // The kernel goes through the journal of one that nobody has mounted since the host went down.
      await this.#mount(folder, image);
      await unmountFilesystem(mountPoint(folder));
      await allocate(image, sizeGib);
      await step("volume.allocated");
      await growUnmounted(image);
      await step("volume.grown");
    });
  }

  /** What it will need, while others use it: its bytes, and what was written is on the disk. */
  async #reserveGrowth(volumeId: VolumeId, sizeGib: number): Promise<void> {
    await this.#turn(volumeId, async () => {
      const { image, folder } = await this.require(volumeId);
      await this.#mount(folder, image);
      await reserveBeyond(image, sizeGib);
      await step("volume.growth-reserved");
      await writeOutMounted(mountPoint(folder));
    });
  }

  /** What was reserved for a growth that did not come. */
  async #giveBack(volumeId: VolumeId): Promise<void> {
    await this.#turn(volumeId, async () => {
      const found = await this.#find(volumeId);
      if (found?.kind === "directory") await giveBeyondBack(found.image);
    });
  }

  async writeOut(volumeId: VolumeId): Promise<void> {
    await this.#turn(volumeId, async () => {
      const { folder } = await this.require(volumeId);
      if (await this.#isMounted(folder)) await writeOutMounted(mountPoint(folder));
    });
  }

  /** Nobody may use it. */
  async remove(volumeId: VolumeId): Promise<void> {
    await this.#turn(volumeId, async () => {
      const found = await this.#find(volumeId);
      if (found === undefined) return;
      await step("volume.remove-begun");
      if (found.kind === "disk") await assertNobodysDisk(found.image);
      else await unmountFilesystem(mountPoint(found.folder));
      await step("volume.unmounted");
      // From here on there is none, however much of it is left.
      const removed = removedFolder(found.folder);
      await rename(found.folder, removed);
      await syncPath(this.#root);
      await step("volume.renamed");
      await rm(removed, { recursive: true, force: true });
      await step("volume.removed");
    });
  }

  /** `undefined` of one that is not there, is still being made, or goes just then. */
  async usage(volumeId: VolumeId): Promise<VolumeUsage | undefined> {
    const seen = isVolumeName(volumeId) ? await this.#find(volumeId) : undefined;
    if (seen === undefined) return undefined;
    // What is used of a disk its guest knows; all of it is taken from the host.
    if (seen.kind === "disk") return { sizeGib: seen.sizeGib, usedBytes: seen.sizeGib * GIB };
    return await this.#turn(volumeId, async () => {
      const found = await this.#find(volumeId);
      if (found === undefined) return undefined;
      await this.#mount(found.folder, found.image);
      return { sizeGib: found.sizeGib, usedBytes: await usedBytes(mountPoint(found.folder)) };
    });
  }

  /** Where a volume's files are on the host; mounted if they were not. */
  async mounted(volumeId: VolumeId): Promise<string> {
    return (await this.mountedOn(volumeId)).path;
  }

  /** The same, and the device that is there for as long as it stays mounted. */
  async mountedOn(volumeId: VolumeId): Promise<{ readonly path: string; readonly device: number }> {
    return await this.#turn(volumeId, async () => {
      const { folder, image, kind } = await this.require(volumeId);
      if (kind === "disk") throw new FastvmError("not_supported", "files of a disk are its VM's alone");
      await this.#mount(folder, image);
      const path = mountPoint(folder);
      return { path, device: (await stat(path)).dev };
    });
  }

  /** Gives the disk another name, by which somebody has it until that name is gone. Rejects with `volume_busy` when somebody has. */
  async linkDisk(volumeId: VolumeId, path: string): Promise<number> {
    return await this.#turn(volumeId, async () => {
      const { image, kind, sizeGib } = await this.require(volumeId);
      if (kind !== "disk") throw new FastvmError("conflict", "the volume is no disk");
      await assertNobodysDisk(image);
      await link(image, path);
      return sizeGib * GIB;
    });
  }

  async require(volumeId: VolumeId): Promise<FoundVolume> {
    const found = isVolumeName(volumeId) ? await this.#find(volumeId) : undefined;
    if (found === undefined) throw new FastvmError("not_found", `volume ${volumeId}`);
    return found;
  }

  async #find(volumeId: VolumeId): Promise<FoundVolume | undefined> {
    const folder = volumeFolder(this.#root, volumeId);
    for (const [kind, file] of [
      ["directory", IMAGE_FILE],
      ["disk", DISK_FILE],
    ] as const) {
      const image = join(folder, file);
      const size = await sizeOf(image);
      if (size !== undefined) return { folder, image, kind, sizeGib: Math.floor(size / GIB) };
    }
    return undefined;
  }

  async #copy(source: VolumeId, partial: string, sizeGib: number): Promise<void> {
    const image = join(partial, IMAGE_FILE);
    const size = await this.#turn(source, async () => {
      const found = await this.require(source);
      if (found.kind === "disk") throw new FastvmError("not_supported", "a disk is not copied");
      if (found.sizeGib > sizeGib) throw new FastvmError("conflict", "the copy is smaller");
      await this.#mount(found.folder, found.image);
      // What is not to be had is known before anybody waits for it.
      await assertRoom(partial, sizeGib);
      await copyMounted(found.image, mountPoint(found.folder), image);
      return found.sizeGib;
    });
    await step("volume.copied");
    await reserve(image, sizeGib, 0);
    if (sizeGib > size) await growUnmounted(image);
    await syncPath(image);
  }

  async #isMounted(folder: string): Promise<boolean> {
    return (await mountsBeneath(folder)).length > 0;
  }

  async #mount(folder: string, image: string): Promise<void> {
    if (await this.#isMounted(folder)) return;
    await reserveHoles(image);
    const [loop] = await loopsBeneath(folder);
    if (loop === undefined) {
      await repairIfCut(image);
      await mountFilesystem(image, mountPoint(folder));
    } else await mountDevice(loop.device, mountPoint(folder));
  }

  async #turn<T>(volumeId: VolumeId, work: () => Promise<T>): Promise<T> {
    const turns = this.#turns.get(volumeId) ?? new SerialQueue();
    this.#turns.set(volumeId, turns);
    return await turns.run(work);
  }
}

async function assertRoom(folder: string, sizeGib: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < sizeGib * GIB) {
    throw new FastvmError("out_of_disk", "the host cannot reserve the volume's bytes");
  }
}

async function make(partial: string, sizeGib: number): Promise<void> {
  const image = join(partial, IMAGE_FILE);
  await allocate(image, sizeGib);
  await step("volume.allocated");
  await makeFilesystem(image);
  await step("volume.formatted");
  const target = mountPoint(partial);
  await mountFilesystem(image, target);
  try {
    await step("volume.mounted");
    await initialiseRoot(target);
  } finally {
    await unmountFilesystem(target);
  }
  await syncPath(image);
}

/** No host mounts it: its file system is for the guest, which writes it. */
async function makeDisk(partial: string, sizeGib: number): Promise<void> {
  const image = join(partial, DISK_FILE);
  await allocate(image, sizeGib);
  await step("volume.allocated");
  await makeFilesystem(image);
  await step("volume.formatted");
  await syncPath(image);
}

/** A VM that has it has a name for it. */
async function assertNobodysDisk(image: string): Promise<void> {
  if ((await stat(image)).nlink > 1) throw new FastvmError("volume_busy", "a VM has it mounted");
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
