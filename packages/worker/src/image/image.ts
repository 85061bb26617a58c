/** A guest image as guest/image/build.sh leaves it: kernel, initramfs, root filesystem, kernel command line. */
import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import type { ImageStart } from "@fastvm/contract";
import { isErrno } from "../files/errno.ts";

/** What an image's maker wants commands in it to have that do not say otherwise. */
export interface CommandDefaults {
  readonly env: Readonly<Record<string, string>>;
  readonly workdir?: string;
  /** Whether they get no new privileges, and are without CAP_SYS_ADMIN. */
  readonly restricted?: boolean;
}

export interface Image {
  /** Where it lies itself, also when a link led to it: that will lead to another when one is built. */
  readonly folder: string;
  /** Of its content. */
  readonly digest: string;
  readonly kernel: string;
  readonly initramfs: string;
  readonly rootfs: string;
  /** With `@TSC_KHZ@` where the host's rate goes. */
  readonly cmdline: string;
  readonly diskGib: number;
  /** Of an image of a registry. */
  readonly commands?: CommandDefaults | undefined;
  /** What runs in it when a template of it is captured. */
  readonly start?: ImageStart | undefined;
}

interface ImageManifest {
  readonly digest: string;
  readonly kernel: { readonly file: string };
  readonly initramfs: { readonly file: string };
  readonly rootfs: { readonly file: string; readonly bytes?: number };
  readonly cmdline: string;
  readonly commands?: CommandDefaults;
}

const GIB = 1024 ** 3;

export async function loadImage(path: string): Promise<Image> {
  let folder = path;
  let manifest: ImageManifest;
  try {
    folder = await realpath(path);
    manifest = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as ImageManifest;
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new FastvmError("launch_failed", `there is no guest image in ${folder}; build it first`);
  }
  return {
    folder,
    digest: manifest.digest,
    kernel: join(folder, manifest.kernel.file),
    initramfs: join(folder, manifest.initramfs.file),
    rootfs: join(folder, manifest.rootfs.file),
    cmdline: manifest.cmdline,
    diskGib: Math.ceil((manifest.rootfs.bytes ?? 10 * GIB) / GIB),
    commands: manifest.commands,
  };
}
