/** Volumes, and what a machine has of them, as this API shows them. */
import type { AttachmentState, MachineAttachment, MachineVolume, VmStatus } from "@fastvm/contract";
import type { RecordedMount, VmRecord, VolumeFigures } from "../../../engine/engine.ts";
import { attachmentId, machineId, volumeId } from "../ids.ts";
import { instantOf } from "./instant.ts";

const GIB = 1024 ** 3;

/** Of one whose mount did not fail. */
const STATES: Readonly<Record<VmStatus, AttachmentState>> = {
  provisioning: "requested",
  running: "mounted",
  pausing: "mounted",
  paused: "paused",
  resuming: "remounting",
  stopped: "unmounted",
  deleting: "releasing",
  error: "released",
};

export function machineVolumeView({ volume, usedBytes, mountedCount }: VolumeFigures): MachineVolume {
  return {
    id: volumeId(volume.id),
    name: volume.name,
    status: volume.status,
    mount_count: mountedCount,
    used_bytes: usedBytes ?? null,
    max_size_bytes: volume.sizeGib * GIB,
    created_at: instantOf(volume.createdAt),
  };
}

type Seen = Pick<VmRecord, "id" | "generation" | "status">;

export function attachmentView(vm: Seen, mount: RecordedMount): MachineAttachment {
  const failure = vm.status === "running" ? mount.failure : undefined;
  return {
    id: attachmentId(mount.volumeId, vm.id),
    volume_id: volumeId(mount.volumeId),
    machine_id: machineId(vm),
    mount_path: mount.mountPath,
    subpath: mount.subpath ?? null,
    read_only: mount.readOnly,
    status: failure === undefined ? STATES[vm.status] : "failed",
    last_error_code: failure === undefined ? null : "volume_mount_failed",
    last_error_message: failure ?? null,
  };
}

/** What is no volume, such as a folder of the host, the other API gives and shows. */
export function attachmentsView(vm: Seen, mounts: readonly RecordedMount[]): MachineAttachment[] {
  return mounts.filter(({ source }) => source === undefined).map((mount) => attachmentView(vm, mount));
}
