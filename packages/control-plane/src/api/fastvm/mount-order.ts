/** A mount as a body asks for it, in the engine's words. */
import { DEFAULT_HOST_QUOTA_MIB, FastvmError } from "@fastvm/contract";
import type { AttachVolumeBody, MountSource } from "@fastvm/contract";
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
  return { kind: "image", path: image.path, format: image.format ?? formatByName(image.path) };
}

function formatByName(path: string): "raw" | "qcow2" {
  return path.endsWith(".qcow2") ? "qcow2" : "raw";
}
