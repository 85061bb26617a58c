/**
 * What a captured VM needs to run again, and the proof that this host can do it. A manifest is written last: a folder without one is not a
 * snapshot. Memory of another machine, QEMU or accelerator is never resumed by guess.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import type { MachineType, VolumeMount } from "@fastvm/contract";
import type { Accelerator } from "../qemu/machine.ts";
import type { QemuIdentity } from "../qemu/qemu-set.ts";
import { replaceFile } from "../files/durable.ts";
import type { CommandDefaults } from "../image/image.ts";
import type { HeldTrust } from "../trust/trust.ts";

const MANIFEST_FILE = "manifest.json";
/** Without page files: the older format, which older versions read, too. They share templates with us. */
const PLAIN_FORMAT = 1;
const PAGED_FORMAT = 2;

/** Goes up when what is compared, or what it means, changes. States of before it was counted have none. */
export const COMPATIBILITY_VERSION = 1;

/** Who can resume a captured memory. */
export interface Compatibility {
  readonly version: typeof COMPATIBILITY_VERSION;
  /** What it ran in. It is resumed in the same one, which the state has beside it; see qemu/qemu-set.ts. */
  readonly qemu: QemuIdentity;
  readonly accelerator: Accelerator;
  /** Digest of the hardware, see qemu/machine.ts. */
  readonly machineDigest: string;
  /** With hardware virtualization the guest has seen the host's CPU. */
  readonly cpuModel: string;
  /** The rate the guest takes its time-stamp counter to have. */
  readonly tscKhz: number;
}

/**
 * How far the host's time-stamp counter may run from the rate a guest was told: what KVM allows its own guests
 * (`tsc_tolerance_ppm`). A guest's clock gains or loses that much, 21 seconds a day, until it is set again.
 */
export const TSC_TOLERANCE = 0.00025;

export interface StoredFile {
  readonly bytes: number;
  /** CRC-32. Checked at each load, but for the base memory, which would cost a read of all of it. */
  readonly crc32: string;
}

export interface PageFileEntry {
  /** In the map, and in the folder of page files. */
  readonly name: string;
  readonly bytes: number;
  /** Of all that outlives this daemon. Checked at a load that reads the file, but not where it is only mapped. */
  readonly sha256?: string;
}

/** See memory/page-map.ts. */
export interface StoredPages {
  readonly map: { readonly bytes: number; readonly sha256: string };
  readonly files: readonly PageFileEntry[];
}

export interface Manifest {
  readonly format: typeof PLAIN_FORMAT | typeof PAGED_FORMAT;
  readonly createdAt: string;
  readonly machine: MachineType;
  readonly diskGib: number;
  readonly imageDigest: string;
  readonly compatibility: Compatibility;
  /** What the guest holds; absent when it was given none. */
  readonly trust?: HeldTrust;
  /** Of its image. */
  readonly commands?: CommandDefaults;
  readonly memory: { readonly bytes: number };
  /** What the guest had mounted; absent: nothing. */
  readonly volumes?: readonly VolumeMount[];
  /** The same of what no server serves. */
  readonly plainMounts?: readonly (VolumeMount & { readonly spare?: number })[];
  /** What their server knew of the guest; absent: nothing, and what was open is not any more. */
  readonly volumesTable?: StoredFile;
  /** Of a state in the older format that is not all base: its pages in one file, with an index of their own. */
  readonly delta?: StoredFile;
  /** Absent when the memory is the base. */
  readonly pages?: StoredPages;
  readonly deviceState: StoredFile;
  /** Disk layers, bottom first. */
  readonly layers: readonly { readonly name: string; readonly bytes: number }[];
}

export async function writeManifest(folder: string, manifest: Omit<Manifest, "format">): Promise<void> {
  const format = manifest.pages === undefined ? PLAIN_FORMAT : PAGED_FORMAT;
  const text = JSON.stringify({ format, ...manifest }, null, 2);
  await replaceFile(join(folder, MANIFEST_FILE), `${text}\n`);
}

/** Rejects with ENOENT where there is no snapshot. */
export async function readManifest(folder: string): Promise<Manifest> {
  const manifest = JSON.parse(await readFile(join(folder, MANIFEST_FILE), "utf8")) as Manifest;
  if (manifest.format !== PLAIN_FORMAT && manifest.format !== PAGED_FORMAT) {
    throw new FastvmError("snapshot_incompatible", "its format is that of another version");
  }
  return manifest;
}

/** Throws `snapshot_incompatible`, naming the first difference. The QEMU is none: see `chooseQemu`. */
export function assertCompatible(captured: Compatibility, here: Compatibility): void {
  if (captured.version !== here.version) {
    throw incompatible("it was captured by another version of FastVM, whose VMs have other hardware");
  }
  for (const key of ["accelerator", "machineDigest", "cpuModel"] as const) {
    if (captured[key] !== here[key]) {
      throw incompatible(`${key} was ${captured[key]} when it was captured and is ${here[key]} here`);
    }
  }
  if (Math.abs(captured.tscKhz / here.tscKhz - 1) > TSC_TOLERANCE) {
    throw incompatible(
      `its time-stamp counter ran at ${captured.tscKhz} kHz and runs at ${here.tscKhz} kHz here`,
    );
  }
}

function incompatible(detail: string): FastvmError {
  return new FastvmError("snapshot_incompatible", detail);
}
