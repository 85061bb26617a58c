/** The template of scripted VMs: what a restore looks at is real, what only a QEMU would read is not. */
import { mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { DISK_FOLDER } from "../disk/chain.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import { QEMU_BINARY, QEMU_FOLDER } from "../qemu/qemu-set.ts";
import { openSnapshot, STATE_FILE } from "../snapshot/folder.ts";
import type { Snapshot } from "../snapshot/folder.ts";
import { COMPATIBILITY_VERSION, writeManifest } from "../snapshot/manifest.ts";
import type { Compatibility } from "../snapshot/manifest.ts";

const MIB = 1024 ** 2;
export const MACHINE = { name: "c1m1", cpu: 1, memoryMib: 1 } as const;
export const DISK_GIB = 1;
export const COMPATIBILITY: Compatibility = {
  version: COMPATIBILITY_VERSION,
  qemu: { version: "7.2", digest: "scripted", deviceStates: "scripted" },
  accelerator: "tcg",
  machineDigest: "scripted",
  cpuModel: "max",
  tscKhz: 1_000_000,
};

export async function makeTemplate(folder: string): Promise<Snapshot> {
  await mkdir(join(folder, DISK_FOLDER), { recursive: true });
  await mkdir(join(folder, QEMU_FOLDER));
  const state = Buffer.from("the device state of a template");
  await writeFile(join(folder, QEMU_FOLDER, QEMU_BINARY), "");
  await writeFile(join(folder, DISK_FOLDER, "0.raw"), "");
  await writeFile(join(folder, STATE_FILE), state);
  await writeFile(join(folder, MEMORY_FILE), "");
  await truncate(join(folder, MEMORY_FILE), MACHINE.memoryMib * MIB);
  await writeManifest(folder, {
    createdAt: new Date(0).toISOString(),
    machine: MACHINE,
    diskGib: DISK_GIB,
    imageDigest: "scripted",
    compatibility: COMPATIBILITY,
    memory: { bytes: MACHINE.memoryMib * MIB },
    deviceState: { bytes: state.length, crc32: crc32(state).toString(16).padStart(8, "0") },
    layers: [{ name: "0.raw", bytes: 0 }],
  });
  const template = await openSnapshot(folder);
  if (template === undefined) throw new Error("the template is not there");
  return template;
}
