/** `data:/mnt/data`, `data:/mnt/data:ro`: a volume, where a VM has it, and whether to read only. */
import type { AttachVolumeParams } from "fastvm";
import { UserError } from "../../user-error.ts";

export function parseMount(text: string): AttachVolumeParams {
  const match = /^(?<volumeId>.+?):(?<mountPath>\/.*?)(?::(?<mode>ro|rw))?$/.exec(text);
  const { volumeId, mountPath, mode } = match?.groups ?? {};
  if (volumeId === undefined || mountPath === undefined) {
    throw new UserError(
      `${JSON.stringify(text)} names no volume and place`,
      "Write VOLUME:/mnt/path or VOLUME:/mnt/path:ro",
    );
  }
  return { volumeId, mountPath, ...(mode === undefined ? {} : { readOnly: mode === "ro" }) };
}

/** Of an option that may be repeated. */
export function mounts(text: string, before: readonly AttachVolumeParams[] = []): AttachVolumeParams[] {
  return [...before, parseMount(text)];
}
