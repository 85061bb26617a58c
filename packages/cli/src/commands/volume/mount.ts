/** `data:/mnt/data`, `/srv/share:/mnt/share:ro`: a volume or something of the host, where a VM has it, and whether to read only. */
import type { AttachVolumeParams } from "fastvm";
import { UserError } from "../../user-error.ts";

/** A file of the host that is a disk, by its name. */
const DISK_IMAGE = /\.(qcow2|vmdk|img|raw)$/;

export function parseMount(text: string): AttachVolumeParams {
  const match = /^(?<what>.+?):(?<mountPath>\/.*?)(?::(?<mode>ro|rw))?$/.exec(text);
  const { what, mountPath, mode } = match?.groups ?? {};
  if (what === undefined || mountPath === undefined) {
    throw new UserError(
      `${JSON.stringify(text)} names nothing to mount, or no place`,
      "Write VOLUME:/mnt/path, VOLUME:/mnt/path:ro or /folder/of/the/host:/mnt/path",
    );
  }
  return { ...sourceOf(what), mountPath, ...(mode === undefined ? {} : { readOnly: mode === "ro" }) };
}

function sourceOf(what: string): Pick<AttachVolumeParams, "volumeId" | "host" | "image"> {
  if (!what.startsWith("/")) return { volumeId: what };
  return DISK_IMAGE.test(what) ? { image: { path: what } } : { host: { path: what } };
}

/** `/mnt/tmp`, `/mnt/tmp:64`: files in the VM's memory, and how many MiB of them. */
function parseTmpfs(text: string): AttachVolumeParams {
  const match = /^(?<mountPath>\/.*?)(?::(?<size>[1-9]\d{0,7}))?$/.exec(text);
  const { mountPath, size } = match?.groups ?? {};
  if (mountPath === undefined) {
    throw new UserError(`${JSON.stringify(text)} names no place`, "Write /mnt/path or /mnt/path:64, in MiB");
  }
  return { mountPath, tmpfs: size === undefined ? {} : { sizeMiB: Number(size) } };
}

/** Of an option that may be repeated. */
export function mounts(text: string, before: readonly AttachVolumeParams[] = []): AttachVolumeParams[] {
  return [...before, parseMount(text)];
}

/** The same. */
export function tmpfsMounts(text: string, before: readonly AttachVolumeParams[] = []): AttachVolumeParams[] {
  return [...before, parseTmpfs(text)];
}
