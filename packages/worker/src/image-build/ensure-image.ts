/**
 * An image of a registry as one that VMs boot: the base image's kernel and initramfs with its agent, and a root file system of the layers.
 * It lies beside the base image in the cache, by a digest of all that it is made of, and is made once.
 */
import { createHash } from "node:crypto";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { unlessAborted } from "../concurrency/unless-aborted.ts";
import { closeToOthers } from "../files/closed-folder.ts";
import { linkOrCopy } from "../files/copy.ts";
import { publishFolder } from "../files/durable.ts";
import { isErrno, isOutOfDisk } from "../files/errno.ts";
import { FastvmError, step } from "@fastvm/contract";
import type { ImageOwner } from "@fastvm/contract";
import { loadImage } from "../image/image.ts";
import type { Image } from "../image/image.ts";
import { commandDefaults } from "../images/manifest/command-defaults.ts";
import { newPartialFolder } from "../snapshot/partial-folder.ts";
import type { BuildVmContext } from "./build-vm.ts";
import type { Parts } from "../vm/state/worker-context.ts";
import { buildRoot } from "./build-root.ts";

export type ImageContext = BuildVmContext & Parts<"builds" | "cache" | "ending" | "images">;

/** Goes up when the way roots are made changes what is in them. */
const RECIPE = 4;
const ROOTFS = "rootfs.raw";
const MANIFEST = "manifest.json";

/** `image`: as the image store takes it. Rejects with `not_found` for one that is not here, with `image_invalid` for one that cannot be. */
export async function ensureImage(
  context: ImageContext,
  image: string,
  owner?: ImageOwner,
  signal = context.ending,
): Promise<Image> {
  const { digest, start } = await context.images.findToUse(image, owner);
  const name = createHash("sha256")
    .update(JSON.stringify({ recipe: RECIPE, base: context.image.digest, manifest: digest }))
    .digest("hex");
  // Of its name, not of what it is made of.
  const ending = AbortSignal.any([context.ending, signal]);
  return { ...(await onlyOnce({ ...context, ending }, digest, name)), start };
}

async function onlyOnce(context: ImageContext, digest: string, name: string): Promise<Image> {
  const known = context.builds.get(name);
  if (known === undefined) return await first(context, digest, name);
  try {
    return await unlessAborted(() => known.image, context.ending);
  } catch (error) {
    // Whoever makes it was told to stop, which is nothing to others who want it.
    if (!known.ending.aborted || context.ending.aborted) throw error;
    return await onlyOnce(context, digest, name);
  }
}

async function first(context: ImageContext, digest: string, name: string): Promise<Image> {
  // Whoever waits for it and looks again finds it no more.
  const image = openOrMake(context, digest, name).finally(() => context.builds.delete(name));
  context.builds.set(name, { image, ending: context.ending });
  return await image;
}

async function openOrMake(
  context: BuildVmContext & Parts<"cache" | "ending" | "images">,
  manifestDigest: string,
  name: string,
): Promise<Image> {
  const folder = join(context.cache.folder, "images", name);
  await context.cache.use(folder);
  if (!(await isThere(folder))) await make(context, manifestDigest, folder);
  return await loadImage(folder);
}

async function make(
  context: BuildVmContext & Parts<"ending" | "images">,
  manifestDigest: string,
  folder: string,
): Promise<void> {
  const partial = await newPartialFolder(folder);
  await mkdir(partial, { recursive: true });
  // Unlike the base image it may be somebody's secret.
  await closeToOthers(partial);
  try {
    await step("build.root-begun");
    await fill(context, manifestDigest, basename(folder), partial);
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

async function fill(
  context: BuildVmContext & Parts<"ending" | "images">,
  manifestDigest: string,
  digest: string,
  partial: string,
): Promise<void> {
  const { kernel, initramfs, cmdline, diskGib } = context.image;
  await linkOrCopy(kernel, join(partial, basename(kernel)));
  await linkOrCopy(initramfs, join(partial, basename(initramfs)));
  const path = join(partial, ROOTFS);
  // While it is used its layers stay, whoever takes its name away.
  const commands = await context.images.use(manifestDigest, async (layers) => {
    // First, since it may say that no command could be started.
    const found = commandDefaults(await context.images.settingsOf(manifestDigest));
    await buildRoot(context, { layers, diskGib, digest, path }, context.ending);
    return found;
  });
  const manifest = {
    digest,
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
