/** The volumes of this host and what is asked of their files without a VM: one thing for the daemon's whole life. */
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ImageFormat, VolumeFiles, VolumeId, VolumeMount, VolumeUsage } from "@fastvm/contract";
import type { BucketHost } from "../buckets/bucket-process.ts";
import { VmBuckets } from "../buckets/vm-buckets.ts";
import type { WorkerConfig } from "../config.ts";
import { HostSessions } from "./files/host-sessions.ts";
import { volumeFiles } from "./files/volume-files.ts";
import { capacityOf, copyDiskImage } from "./disk-image.ts";
import { folderBeneath } from "./folder-beneath.ts";
import { allowedOnHost, hostFolder } from "./host-source.ts";
import type { ServedFolder } from "./server/programs.ts";
import { VolumeSharing } from "./server/sharing.ts";
import { volumesFolder } from "./volume-layout.ts";
import { VolumeStore } from "./volume-store.ts";

/** Of control sockets: short, as their names have little room. */
const SOCKETS_FOLDER = "volume-servers";
const BUCKETS_FOLDER = "buckets";

type HostVolumesConfig = Pick<
  WorkerConfig,
  "bucketNetworks" | "dataDir" | "growsMountedVolumes" | "mountFolders"
>;

export class HostVolumes {
  readonly store: VolumeStore;
  readonly files: VolumeFiles;
  readonly sharing = new VolumeSharing();
  readonly buckets: VmBuckets;
  readonly #sessions: HostSessions;
  readonly #sockets: string;
  readonly #config: HostVolumesConfig;

  constructor(config: HostVolumesConfig, host: Pick<BucketHost, "uids" | "cgroups" | "namespaces">) {
    const { uids } = host;
    this.#config = config;
    this.buckets = new VmBuckets({
      ...host,
      folder: join(config.dataDir, BUCKETS_FOLDER),
      openNetworks: config.bucketNetworks ?? [],
    });
    this.#sockets = join(config.dataDir, SOCKETS_FOLDER);
    this.store = new VolumeStore(volumesFolder(config), config.growsMountedVolumes);
    this.#sessions = new HostSessions({
      folder: this.#sockets,
      uid: () => uids.take(),
      release: (uid) => uids.release(uid),
      mounted: (volumeId) => this.store.mounted(volumeId),
      sharing: this.sharing,
    });
    this.files = volumeFiles(this.#sessions);
  }

  /** Servers of an earlier daemon's own calls have ended with it. */
  async recover(running: Parameters<VmBuckets["recover"]>[0]): Promise<void> {
    await rm(this.#sockets, { recursive: true, force: true });
    await this.store.recover();
    await this.buckets.recover(running);
  }

  /** What a server is to serve for it. */
  async served({ volumeId, source, subpath }: VolumeMount): Promise<ServedFolder> {
    if (source?.kind === "host") return await hostFolder(this.#config, source);
    const { path: root, device } = await this.store.mountedOn(volumeId);
    const path = subpath === undefined ? root : await folderBeneath(root, subpath);
    return { path, device, options: [] };
  }

  /** A disk for one VM, at that path: the volume's own, or a copy. Its size is of the file, or of a `vmdk` as its guest sees it. */
  async placeDisk(
    { volumeId, source }: VolumeMount,
    path: string,
  ): Promise<{ readonly sizeBytes: number; readonly format: ImageFormat }> {
    if (source?.kind !== "image")
      return { sizeBytes: await this.store.linkDisk(volumeId, path), format: "raw" };
    await copyDiskImage(await allowedOnHost(this.#config, source.path), path);
    const { format } = source;
    const sizeBytes = format === "vmdk" ? await capacityOf(path, source.path) : (await stat(path)).size;
    return { sizeBytes, format };
  }

  /** `aside`: as the store has it. */
  async grow(
    volumeId: VolumeId,
    sizeGib: number,
    aside: (work: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    await this.store.grow(volumeId, sizeGib, (work) => this.#sessions.without(volumeId, () => aside(work)));
  }

  /** Rejects with `volume_busy` while a VM has it. */
  async remove(volumeId: VolumeId): Promise<void> {
    await this.#sessions.without(volumeId, () => this.store.remove(volumeId));
  }

  async usage(volumeIds: readonly VolumeId[]): Promise<readonly (VolumeUsage | undefined)[]> {
    return await Promise.all(volumeIds.map((volumeId) => this.store.usage(volumeId)));
  }

  /** What VMs have stays mounted. */
  async close(): Promise<void> {
    await this.#sessions.close();
    await this.store.close();
  }
}
