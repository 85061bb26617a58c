/** Volumes, and what a machine has of them, as this API shows them. */
import type { AttachmentState, MachineAttachment, MachineVolume, VmStatus } from "@fastvm/contract";
import type { MountUnderWay, RecordedMount, VmRecord, VolumeFigures } from "../../../engine/engine.ts";
import { attachmentId, machineId, volumeId } from "../ids.ts";
import { instantOf } from "./instant.ts";

const GIB = 1024 ** 3;

/** Of one whose mount did not fail, and of which the host is not being told something. */
const STATES: Readonly<Record<VmStatus, AttachmentState>> = {
  provisioning: "mounting",
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

type Seen = Pick<VmRecord, "id" | "generation" | "status" | "queuedAt">;

/** `underWay`: what the host is being told of it now. */
export function attachmentView(
  vm: Seen,
  mount: RecordedMount,
  underWay?: MountUnderWay["state"],
): MachineAttachment {
  const failure = vm.status === "running" ? mount.failure : undefined;
  return {
    id: attachmentId(mount.volumeId, vm.id),
    volume_id: volumeId(mount.volumeId),
    machine_id: machineId(vm),
    mount_path: mount.mountPath,
    subpath: mount.subpath ?? null,
    read_only: mount.readOnly,
    status: underWay ?? (failure === undefined ? stateIn(vm) : "failed"),
    last_error_code: failure === undefined ? null : "volume_mount_failed",
    last_error_message: failure ?? null,
  };
}

/** One that waits for room mounts nothing yet. */
function stateIn({ status, queuedAt }: Seen): AttachmentState {
  return status === "provisioning" && queuedAt !== null ? "requested" : STATES[status];
}

/** What is no volume, such as a folder of the host, the other API gives and shows. */
export function attachmentsView(
  vm: Seen,
  mounts: readonly RecordedMount[],
  underWay: readonly MountUnderWay[] = [],
): MachineAttachment[] {
  const own = underWay.filter(({ vmId }) => vmId === vm.id);
  const isThere = (begun: RecordedMount) => mounts.some((mount) => mount.volumeId === begun.volumeId);
  const all = [...mounts, ...own.map(({ mount }) => mount).filter((mount) => !isThere(mount))];
  return all
    .filter(({ source }) => source === undefined)
    .map((mount) =>
      attachmentView(vm, mount, own.find((one) => one.mount.volumeId === mount.volumeId)?.state),
    );
}
