/** A mount as a body asks for it, in the engine's words. */
import { DEFAULT_HOST_QUOTA_MIB, FastvmError, IMAGE_FORMATS } from "@fastvm/contract";
import type { AttachVolumeBody, ImageFormat, MountSource } from "@fastvm/contract";
import type { MountOrder } from "../../engine/engine.ts";

export function mountOrder(body: AttachVolumeBody): MountOrder {
  const { volumeId, mountPath, readOnly } = body;
  const source = sourceOf(body);
  if (source === undefined && (volumeId ?? "") === "") {
    throw new FastvmError("invalid_request", "give volumeId, or one of tmpfs, host and image", {
      field: "volumeId",
    });
  }
  return {
    volume: volumeId ?? "",
    mountPath,
    readOnly: readOnly ?? undefined,
    ...(source && { source }),
    ...(body.noexec === true && { noexec: true }),
    ...(body.nosuid === true && { nosuid: true }),
    ...(body.nodev === true && { nodev: true }),
  };
}

/** Beside one an id may be given, as a snapshot shows it: the mount gets another. */
function sourceOf({ tmpfs, host, image }: AttachVolumeBody): MountSource | undefined {
  const given = [tmpfs, host, image].filter((source) => source != null);
  if (given.length > 1) {
    throw new FastvmError("invalid_request", "give one of tmpfs, host and image", { field: "volumes" });
  }
  if (tmpfs != null) return { kind: "tmpfs", ...(tmpfs.sizeMiB != null && { sizeMib: tmpfs.sizeMiB }) };
  if (host != null) {
    const { path, statVirtualization, hostPermissions, quotaMiB } = host;
    return {
      kind: "host",
      path,
      statVirtualization: statVirtualization ?? "strict",
      hostPermissions: hostPermissions ?? "private",
      quotaMib: quotaMiB ?? DEFAULT_HOST_QUOTA_MIB,
    };
  }
  if (image == null) return undefined;
  const { path, format, fstype } = image;
  return {
    kind: "image",
    path,
    format: format ?? formatByName(path),
    ...(fstype != null && { fstype }),
  };
}

function formatByName(path: string): ImageFormat {
  return IMAGE_FORMATS.find((format) => path.endsWith(`.${format}`)) ?? "raw";
}
