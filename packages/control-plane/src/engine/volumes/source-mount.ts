/** What a VM mounts that is no volume. Nobody keeps a record of it: it is in the settings of the VM that has it. */
import { FastvmError, MAX_HOST_PATH_BYTES, newVolumeId } from "@fastvm/contract";
import type { MountSource, OrgId, VolumeId } from "@fastvm/contract";
import { posix } from "node:path";
import type { Records } from "../../store/records.ts";
import { ownsHost } from "../organisations/owns-host.ts";

/** Rejects with `host_mount_denied` for what is the host's and whose keys may not have it. */
export async function sourceMount(
  records: Pick<Records, "organisations">,
  orgId: OrgId,
  source: MountSource,
): Promise<{ readonly volumeId: VolumeId; readonly source: MountSource }> {
  if (source.kind === "tmpfs" || source.kind === "bucket") return { volumeId: newVolumeId(), source };
  if (!(await ownsHost(records, orgId)))
    throw new FastvmError("host_mount_denied", undefined, { field: "volumes" });
  return { volumeId: newVolumeId(), source: { ...source, path: checkedHostPath(source.path) } };
}

function checkedHostPath(path: string): string {
  const isPlain = path.startsWith("/") && !path.includes("\0") && path.isWellFormed();
  const normal = posix.normalize(path).replace(/(?<=.)\/+$/, "");
  if (isPlain && Buffer.byteLength(normal) <= MAX_HOST_PATH_BYTES) return normal;
  const quoted = JSON.stringify(path.slice(0, 80));
  throw new FastvmError("invalid_request", `path ${quoted} is no absolute path of the host`, {
    field: "path",
  });
}
