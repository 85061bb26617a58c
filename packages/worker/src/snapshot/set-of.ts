/** Which QEMU a captured state is resumed in. */
import { FastvmError } from "@fastvm/contract";
import { hasQemu } from "../qemu/qemu-set.ts";
import type { QemuSet } from "../qemu/qemu-set.ts";
import type { Snapshot } from "./folder.ts";

/** The one that a captured state has with it. */
export function setOf({ folder, manifest }: Snapshot): QemuSet {
  return { ...manifest.compatibility.qemu, holder: folder };
}

/**
 * The one it was captured with. A state that has lost it, or never had it on this host, goes into the
 * installed one if that writes the state of every device in the same way. Else throws `snapshot_incompatible`.
 */
export async function chooseQemu(snapshot: Snapshot, installed: QemuSet): Promise<QemuSet> {
  if (await hasQemu(snapshot.folder)) return setOf(snapshot);
  const { qemu } = snapshot.manifest.compatibility;
  if (qemu.deviceStates === installed.deviceStates) return installed;
  throw new FastvmError(
    "snapshot_incompatible",
    `it was captured with QEMU ${qemu.version}, which is not kept here, and QEMU ${installed.version} has other device states`,
  );
}
