/** What a VM mounts that is no volume. Nobody keeps a record of it: it is in the settings of the VM that has it. */
import { FastvmError, MAX_HOST_PATH_BYTES, newVolumeId } from "@fastvm/contract";
import type { MountSource, OrgId, VolumeId } from "@fastvm/contract";
import { posix } from "node:path";
import type { Records } from "../../store/records.ts";

/** Rejects with `host_mount_denied` for what is the host's and whose keys may not have it. */
export async function sourceMount(
  records: Pick<Records, "organisations">,
  orgId: OrgId,
  source: MountSource,
): Promise<{ readonly volumeId: VolumeId; readonly source: MountSource }> {
  if (source.kind === "tmpfs") return { volumeId: newVolumeId(), source };
  await assertMayHaveOfHost(records, orgId);
  return { volumeId: newVolumeId(), source: { ...source, path: checkedHostPath(source.path) } };
}

/** The first organisation is that of whoever owns the machine: its key lies in the data folder, which is root's. */
async function assertMayHaveOfHost(
  { organisations }: Pick<Records, "organisations">,
  orgId: OrgId,
): Promise<void> {
  if ((await organisations.first())?.id === orgId) return;
  throw new FastvmError("host_mount_denied", undefined, { field: "volumes" });
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
