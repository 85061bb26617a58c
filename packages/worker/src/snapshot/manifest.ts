/**
 * What a captured VM needs to run again, and the proof that this host can do it. A manifest is written last: a folder without one is not a
 * snapshot. Memory of another machine, QEMU or accelerator is never resumed by guess.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import type { MachineType } from "@fastvm/contract";
import type { Accelerator } from "../qemu/machine.ts";
import { replaceFile } from "../files/durable.ts";

const MANIFEST_FILE = "manifest.json";
const FORMAT = 1;

/** Who can resume a captured memory: all of it must be equal. */
export interface Compatibility {
  readonly qemuVersion: string;
  readonly accelerator: Accelerator;
  /** Digest of the hardware, see qemu/machine.ts. */
  readonly machineDigest: string;
  /** With hardware virtualization the guest has seen the host's CPU. */
  readonly cpuModel: string;
  /** The rate a TCG guest was told its time-stamp counter has. */
  readonly tscKhz: number;
}

export interface StoredFile {
  readonly bytes: number;
  /** CRC-32. Checked at each load, but for the base memory, which would cost a read of all of it. */
  readonly crc32: string;
}

export interface Manifest {
  readonly format: typeof FORMAT;
  readonly createdAt: string;
  readonly machine: MachineType;
  readonly diskGib: number;
  readonly imageDigest: string;
  readonly compatibility: Compatibility;
  readonly memory: { readonly bytes: number };
  readonly delta?: StoredFile;
  readonly deviceState: StoredFile;
  /** Disk layers, bottom first. */
  readonly layers: readonly { readonly name: string; readonly bytes: number }[];
}

export async function writeManifest(folder: string, manifest: Omit<Manifest, "format">): Promise<void> {
  const text = JSON.stringify({ format: FORMAT, ...manifest }, null, 2);
  await replaceFile(join(folder, MANIFEST_FILE), `${text}\n`);
}

/** Rejects with ENOENT where there is no snapshot. */
export async function readManifest(folder: string): Promise<Manifest> {
  const manifest = JSON.parse(await readFile(join(folder, MANIFEST_FILE), "utf8")) as Manifest;
  if (manifest.format !== FORMAT) {
    throw new FastvmError("snapshot_incompatible", "its format is that of another version");
  }
  return manifest;
}

/** Throws `snapshot_incompatible`, naming the first difference. */
export function assertCompatible(captured: Compatibility, here: Compatibility): void {
  const keys = ["qemuVersion", "accelerator", "machineDigest", "cpuModel", "tscKhz"] as const;
  for (const key of keys) {
    if (captured[key] !== here[key]) {
      throw new FastvmError(
        "snapshot_incompatible",
        `${key} was ${captured[key]} when it was captured and is ${here[key]} here`,
      );
    }
  }
}
