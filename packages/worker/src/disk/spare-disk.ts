/** A file behind one of the spare disks that every machine has, while its guest runs. The guest has to let go of the device before. */
import type { QmpClient } from "../qemu/qmp-client.ts";
import { spareDiskDevice, spareStandIn } from "../qemu/machine.ts";

/** All files lie in QEMU's working directory, readable by its user. */
type SpareFile =
  /** Written as it is, without any format. */
  | { readonly kind: "raw"; readonly file: string }
  /** The same, but that its bytes stay reserved on the host. */
  | { readonly kind: "reserved"; readonly file: string }
  /** Of that format; other files that it names are not looked at. */
  | { readonly kind: "qcow2"; readonly file: string }
  /**
   * Only read: writes, which the device has promised to take, go to an empty overlay. So do those to a `vmdk`, one kind of which QEMU
   * does not write (stream-optimised).
   */
  | {
      readonly kind: "read";
      readonly file: string;
      readonly overlay: string;
      /** Default: `raw`. */
      readonly format?: "raw" | "vmdk";
    }
  /** The same of a VM's disk: its layers, the lowest first. */
  | { readonly kind: "chain"; readonly files: readonly string[]; readonly overlay: string };

/** Puts it there in place of what is there; `node` is its name in QEMU from then on. */
export async function putBehindSpare(
  qmp: QmpClient,
  index: number,
  node: string,
  behind: SpareFile,
): Promise<void> {
  await qmp.execute("blockdev-add", nodeOptions(node, behind));
  await qmp.execute("qom-set", { path: spareDiskDevice(index), property: "drive", value: node });
}

/** What the device was made with, no disk, in place of that node. QEMU ends when it is there already. */
export async function putStandInBehindSpare(qmp: QmpClient, index: number, node: string): Promise<void> {
  const drive = { path: spareDiskDevice(index), property: "drive" };
  if ((await qmp.execute("qom-get", drive)) !== node) return;
  await qmp.execute("qom-set", { ...drive, value: spareStandIn(index) });
}

/** Closes the file. Nothing may use it any more. */
export async function closeNode(qmp: QmpClient, node: string): Promise<void> {
  await qmp.execute("blockdev-del", { "node-name": node });
}

function nodeOptions(node: string, behind: SpareFile): Record<string, unknown> {
  if (behind.kind === "raw") {
    // Zeros that a guest writes take no room on the host.
    const sparse = { discard: "unmap", "detect-zeroes": "unmap" };
    return { driver: "raw", "node-name": node, ...sparse, file: fileOptions(behind.file, false) };
  }
  if (behind.kind === "reserved") {
    return { driver: "raw", "node-name": node, file: fileOptions(behind.file, false) };
  }
  if (behind.kind === "qcow2") {
    return { driver: "qcow2", "node-name": node, backing: null, file: fileOptions(behind.file, false) };
  }
  if (behind.kind === "chain") {
    const backing = layersOptions(behind.files);
    return { driver: "qcow2", "node-name": node, file: fileOptions(behind.overlay, false), backing };
  }
  const read = { driver: behind.format ?? "raw", "read-only": true, file: fileOptions(behind.file, true) };
  return {
    driver: "qcow2",
    "node-name": node,
    file: fileOptions(behind.overlay, false),
    backing: behind.format === "vmdk" ? { ...read, backing: null } : read,
  };
}

/** The files do not name each other. */
function layersOptions(files: readonly string[]): Record<string, unknown> {
  return files.reduce<Record<string, unknown>>((below, file, index) => {
    const layer = { driver: index === 0 ? "raw" : "qcow2", "read-only": true, file: fileOptions(file, true) };
    return index === 0 ? layer : { ...layer, backing: below };
  }, {});
}

function fileOptions(filename: string, isReadOnly: boolean): Record<string, unknown> {
  return { driver: "file", filename, locking: "off", "read-only": isReadOnly };
}
