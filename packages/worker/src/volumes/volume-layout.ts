/**
 * Volumes on disk:
 *
 *   <data>/volumes/<id>/
 *     files.ext4      its filesystem, all its bytes allocated
 *     disk.raw        in its place: of a volume of kind disk, which the host never mounts
 *     mount/          where files.ext4 is mounted, while it is
 *
 * A volume is one from the rename on that gives it its name; what has another name is half made, or half gone. Its size is
 * that of its file.
 */
import { join } from "node:path";
import type { VolumeId } from "@fastvm/contract";
import type { WorkerConfig } from "../config.ts";

export const IMAGE_FILE = "files.ext4";
export const DISK_FILE = "disk.raw";

const VOLUME_NAME = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const REMOVED_SUFFIX = ".removed";

export function isVolumeName(name: string): name is VolumeId {
  return VOLUME_NAME.test(name);
}

export function volumesFolder({ dataDir }: Pick<WorkerConfig, "dataDir">): string {
  return join(dataDir, "volumes");
}

/** What only looks like an id leads nowhere. */
export function volumeFolder(root: string, volumeId: VolumeId): string {
  if (isVolumeName(volumeId)) return join(root, volumeId);
  throw new Error("what is no volume's id has no folder");
}

export function removedFolder(folder: string): string {
  return `${folder}${REMOVED_SUFFIX}`;
}

export function mountPoint(folder: string): string {
  return join(folder, "mount");
}
