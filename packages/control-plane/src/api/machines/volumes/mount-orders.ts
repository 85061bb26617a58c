/** What a machine is to mount, by the rules of this API: anywhere but where the system or we have something of our own. */
import { posix } from "node:path";
import { FastvmError, MAX_MOUNT_PATH_BYTES, type MachineMount } from "@fastvm/contract";
import type { Caller, MountOrder } from "../../../engine/engine.ts";
import { isOfSystem } from "../../shared/mount-places.ts";
import { findVolume } from "../ids.ts";
import type { MachinesScope } from "../machines-scope.ts";
import { machinePath } from "../machine-path.ts";

export async function mountOrders(
  { engine }: Pick<MachinesScope, "engine">,
  caller: Caller,
  mounts: readonly MachineMount[],
): Promise<readonly MountOrder[]> {
  const orders: MountOrder[] = [];
  for (const { ref, mount_path, subpath, read_only } of mounts) {
    const placed = { mountPath: checkedMountPath(mount_path), subpath: checkedSubpath(subpath ?? "") };
    const { volume } = await findVolume(engine, caller, ref);
    // Of a volume that is for reading only, not to say so is to ask for that.
    orders.push({ volume: volume.id, ...placed, isAnywhere: true, readOnly: read_only ?? undefined });
  }
  return orders;
}

function checkedMountPath(path: string): string {
  const field = "mount_path";
  const normal = machinePath(path, field);
  if (isOfSystem(normal)) {
    const quoted = JSON.stringify(path.slice(0, 80));
    throw new FastvmError("invalid_request", `${quoted} is no place for a volume`, { field });
  }
  if (!normal.isWellFormed() || Buffer.byteLength(normal) > MAX_MOUNT_PATH_BYTES) {
    throw new FastvmError("invalid_request", `mount_path is longer than ${MAX_MOUNT_PATH_BYTES} bytes`, {
      field,
    });
  }
  return normal;
}

/** Normalised, without a slash at its ends; `undefined` of the whole. */
function checkedSubpath(subpath: string): string | undefined {
  const normal = posix.normalize(subpath).replace(/^\/+|\/+$/g, "");
  const isPlain = !normal.includes("\0") && normal.isWellFormed();
  if (!isPlain || subpath.split("/").includes("..") || Buffer.byteLength(normal) > MAX_MOUNT_PATH_BYTES) {
    throw new FastvmError("invalid_request", "subpath must name a folder of the volume, without `..`", {
      field: "subpath",
    });
  }
  return normal === "" || normal === "." ? undefined : normal;
}
