/** What a specification mounts, as the engine's orders. Names and rights are the engine's to check. */
import { posix } from "node:path";
import type { SandboxSpec } from "@fastvm/contract";
import { DEFAULT_HOST_QUOTA_MIB, FILE_SYSTEM_NAME, MAX_MOUNT_PATH_BYTES } from "@fastvm/contract";
import type { MountOrder } from "../../../engine/engine.ts";
import { isOfSystem } from "../../shared/mount-places.ts";
import { invalid } from "./invalid.ts";

type Mount = NonNullable<SandboxSpec["mounts"]>[number];

export function mountOrdersOf({ mounts = [] }: SandboxSpec): readonly MountOrder[] {
  return mounts.map((mount, index) => {
    const { readonly, ...limits } = mount.options ?? {};
    const placed = {
      volume: "",
      mountPath: placeOf(mount.guest, `mounts.${index}.guest`),
      isAnywhere: true,
      // What is not said is the volume's own.
      readOnly: readonly === true ? true : undefined,
      ...limits,
    };
    return { ...placed, ...sourceOf(mount, `mounts.${index}`) };
  });
}

function sourceOf(mount: Mount, at: string): Pick<MountOrder, "source"> & { readonly volume?: string } {
  switch (mount.type) {
    case "named":
      // Owners and modes are as guests set them, whatever is said: nobody else on the host sees files of a volume.
      return { volume: mount.name };
    case "tmpfs": {
      const sizeMib = mount.size_mib ?? undefined;
      return { source: { kind: "tmpfs", ...(sizeMib === undefined ? {} : { sizeMib }) } };
    }
    case "bind":
      return {
        source: {
          kind: "host",
          path: mount.host,
          statVirtualization: mount.stat_virtualization ?? "strict",
          hostPermissions: mount.host_permissions ?? "private",
          quotaMib: mount.quota_mib ?? DEFAULT_HOST_QUOTA_MIB,
        },
      };
    case "disk_image":
  }
  const fstype = mount.fstype ?? undefined;
  if (fstype !== undefined && !FILE_SYSTEM_NAME.test(fstype))
    throw invalid(`${at}.fstype`, "is no kind of file system");
  const image = { kind: "image", path: mount.host, format: mount.format } as const;
  return { source: fstype === undefined ? image : { ...image, fstype } };
}

/** What the file of mounts of another runtime could not say is refused there, and so here. */
const NO_PLACE = /[:;,\0]/;

function placeOf(guest: string, at: string): string {
  const normal = posix.normalize(guest).replace(/(?<=.)\/+$/, "");
  const isPlain = guest.startsWith("/") && !guest.split("/").includes("..") && !NO_PLACE.test(guest);
  if (!isPlain || !normal.isWellFormed() || Buffer.byteLength(normal) > MAX_MOUNT_PATH_BYTES)
    throw invalid(at, `must be absolute, without .. : ; and , and of at most ${MAX_MOUNT_PATH_BYTES} bytes`);
  if (isOfSystem(normal)) throw invalid(at, "is the system's own");
  return normal;
}
