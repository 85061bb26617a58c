/**
 * An image that is made of another, beside it in the cache: the base image's kernel and initramfs with its agent, and a root file system of
 * its own. It has a name by all that it is made of, and is made once, whoever asks for it meanwhile.
 */
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { FastvmError, step } from "@fastvm/contract";
import { unlessAborted } from "../concurrency/unless-aborted.ts";
import { closeToOthers } from "../files/closed-folder.ts";
import { linkOrCopy } from "../files/copy.ts";
import { publishFolder } from "../files/durable.ts";
import { isErrno, isOutOfDisk } from "../files/errno.ts";
import { loadImage } from "../image/image.ts";
import type { CommandDefaults, Image } from "../image/image.ts";
import { newPartialFolder } from "../snapshot/partial-folder.ts";
import type { Parts } from "../vm/state/worker-context.ts";
import type { BuildVmContext } from "./build-vm.ts";

export type ImageContext = BuildVmContext & Parts<"builds" | "cache" | "ending" | "images">;

interface Derivation {
  /** 64 hexadecimal digits. */
  readonly name: string;
  /** Makes the root at `path`, and tells what else is in the manifest. Given up with the context's ending. */
  readonly make: (context: ImageContext, path: string) => Promise<MadeRoot>;
}

export interface MadeRoot {
  readonly commands: CommandDefaults | undefined;
  /** Of what it was made of. */
  readonly manifestDigest: string;
}

const ROOTFS = "rootfs.raw";
const MANIFEST = "manifest.json";

export async function derivedImage(
  context: ImageContext,
  derivation: Derivation,
  signal = context.ending,
): Promise<Image> {
  // Of whoever asks first, not of what it is made of.
  const ending = AbortSignal.any([context.ending, signal]);
  return await onlyOnce({ ...context, ending }, derivation);
}

async function onlyOnce(context: ImageContext, derivation: Derivation): Promise<Image> {
  const known = context.builds.get(derivation.name);
  if (known === undefined) return await first(context, derivation);
  try {
    return await unlessAborted(() => known.image, context.ending);
  } catch (error) {
    // Whoever makes it was told to stop, which is nothing to others who want it.
    if (!known.ending.aborted || context.ending.aborted) throw error;
    return await onlyOnce(context, derivation);
  }
}

async function first(context: ImageContext, derivation: Derivation): Promise<Image> {
  // Whoever waits for it and looks again finds it no more.
  const { name } = derivation;
  const image = openOrMake(context, derivation).finally(() => context.builds.delete(name));
  context.builds.set(name, { image, ending: context.ending });
  return await image;
}

async function openOrMake(context: ImageContext, derivation: Derivation): Promise<Image> {
  const folder = join(context.cache.folder, "images", derivation.name);
  await context.cache.use(folder);
  if (!(await isThere(folder))) await make(context, derivation, folder);
  return await loadImage(folder);
}

async function make(context: ImageContext, derivation: Derivation, folder: string): Promise<void> {
  const partial = await newPartialFolder(folder);
  await mkdir(partial, { recursive: true });
  // Unlike the base image it may be somebody's secret.
  await closeToOthers(partial);
  try {
    await step("build.root-begun");
    await fill(context, derivation, partial);
    await step("build.root-made");
    await publishFolder(partial, folder);
    await step("build.root-published");
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another daemon was quicker: its is as good.
    if (isErrno(error, "ENOTEMPTY", "EEXIST")) return;
    if (isOutOfDisk(error)) throw new FastvmError("out_of_disk", undefined, { cause: error });
    throw error;
  }
}

async function fill(context: ImageContext, derivation: Derivation, partial: string): Promise<void> {
  const { kernel, initramfs, cmdline } = context.image;
  await linkOrCopy(kernel, join(partial, basename(kernel)));
  await linkOrCopy(initramfs, join(partial, basename(initramfs)));
  const path = join(partial, ROOTFS);
  const { commands, manifestDigest } = await derivation.make(context, path);
  const manifest = {
    digest: derivation.name,
    kernel: { file: basename(kernel) },
    initramfs: { file: basename(initramfs) },
    rootfs: { file: ROOTFS, bytes: (await stat(path)).size },
    cmdline,
    manifestDigest,
    base: context.image.digest,
    commands,
  };
  await writeFile(join(partial, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`, {
    mode: 0o600,
    flush: true,
  });
}

async function isThere(folder: string): Promise<boolean> {
  return (await stat(join(folder, MANIFEST)).catch(() => undefined)) !== undefined;
}
