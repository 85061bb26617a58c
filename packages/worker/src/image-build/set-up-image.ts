/**
 * An image with changes of somebody's: a copy of its root, in which they are made before it boots for the first time. What they name
 * lies in a stranger's file system, so a VM of nobody makes them, with that root as its only one. It is made once for all that ask for
 * the same.
 */
import { createHash } from "node:crypto";
import { chmod, chown, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FastvmError, RESOURCES } from "@fastvm/contract";
import type { InitHandoff, RootSetup } from "@fastvm/contract";
import { DISK_FOLDER } from "../disk/chain.ts";
import { putBehindSpare } from "../disk/spare-disk.ts";
import { copySparse, linkOrCopy } from "../files/copy.ts";
import { syncPath } from "../files/durable.ts";
import { limitValue } from "../guest-link/exec-stream.ts";
import type { Image } from "../image/image.ts";
import { bindSpare, UNBIND } from "./bind-spare.ts";
import { bringSetup, type BroughtPatch, type BroughtSetup } from "./bring-setup.ts";
import { BuildVm } from "./build-vm.ts";
import { derivedImage } from "./derived-image.ts";
import type { ImageContext, MadeRoot } from "./derived-image.ts";

/** Goes up when the same changes come out otherwise. */
const RECIPE = 1;
const PATCHER = new URL("./apply-patches.py", import.meta.url);
const PATCHER_IN_GUEST = "/run/fastvm-apply-patches.py";
/** With the place of each behind it. */
const ARCHIVE_IN_GUEST = "/run/fastvm-archive-";
const TARGET = "/mnt";
const TARGET_FILE = `${DISK_FOLDER}/target.raw`;
const MOUNT = `mount -t ext4 -o noatime "$1" ${TARGET}`;
/** Where the agent looks at boot (guest/agent/src/boot/root-setup.c). */
const SETUP_FOLDER = "/.fastvm/setup";
/** By the user of the QEMU that it is linked for, as of every root. */
const READABLE = 0o444;
/** Of the patcher: the caller's fault, told on its last line. */
const REFUSED = 3;

type Brought = Awaited<ReturnType<typeof bringSetup>>;

/** Rejects with `image_invalid` for a patch that cannot be made, or copies what may not be had, which it names. */
export async function setUpImage(context: ImageContext, image: Image, order: RootSetup): Promise<Image> {
  const { setup, archives } = await bringSetup(context.config, order);
  const made = { recipe: RECIPE, base: context.image.digest, image: image.digest, setup };
  const name = createHash("sha256").update(JSON.stringify(made)).digest("hex");
  const make = (own: ImageContext, path: string) => patchedCopy(own, image, { setup, archives }, path);
  return { ...(await derivedImage(context, { name, make })), start: image.start };
}

async function patchedCopy(
  context: ImageContext,
  image: Image,
  { setup, archives }: Brought,
  path: string,
): Promise<MadeRoot> {
  await using build = await BuildVm.start(context, context.ending);
  const { folder, record } = build.vm;
  const target = join(folder, TARGET_FILE);
  await copySparse(image.rootfs, target);
  await chmod(target, 0o600);
  await chown(target, record.uid, record.uid);
  const { qmp } = build.vm.requireGuest().qemu;
  await putBehindSpare(qmp, 0, "target", { kind: "raw", file: TARGET_FILE });
  const { device, disk } = await bindSpare(build);
  await build.mustRun(MOUNT, [disk]);
  await build.mustRun(`cat >${PATCHER_IN_GUEST}`, [], await readFile(PATCHER));
  for (const [index, archive] of archives.entries())
    await build.mustRun(`cat >${ARCHIVE_IN_GUEST}${index}`, [], archive);
  await applyPatches(build, [...setup.patches, ...ownFiles(setup)]);
  await build.mustRun(`umount ${TARGET} && ${UNBIND}`, [device]);
  // Before anybody else reads it: from now on it is no longer that QEMU's.
  await build.end();
  await chown(target, 0, 0);
  await chmod(target, READABLE);
  await syncPath(target);
  await linkOrCopy(target, path);
  const commands = { ...image.commands, env: image.commands?.env ?? {} };
  return {
    commands: setup.restricted ? { ...commands, restricted: true } : image.commands,
    manifestDigest: `sha256:${image.digest}`,
  };
}

async function applyPatches(build: BuildVm, patches: readonly BroughtPatch[]): Promise<void> {
  const orders = Buffer.from(JSON.stringify(patches));
  const { exitCode, stderr } = await build.run(
    ["python3", PATCHER_IN_GUEST, TARGET, ARCHIVE_IN_GUEST],
    orders,
  );
  if (exitCode === 0) return;
  const last = stderr.trim().split("\n").at(-1) ?? "";
  if (exitCode === REFUSED) throw new FastvmError("image_invalid", last, { field: "patches" });
  throw new Error(`The patcher of roots ended with ${exitCode}: ${stderr}`);
}

/** Behind all others: what those write there is not what was asked for. */
function ownFiles({ limits, init }: BroughtSetup): readonly BroughtPatch[] {
  const files: BroughtPatch[] = [{ kind: "remove", path: SETUP_FOLDER }];
  const write = (name: string, text: string): void => {
    const content = Buffer.from(text).toString("base64");
    files.push({ kind: "write", path: `${SETUP_FOLDER}/${name}`, content, mode: 0o644, replace: true });
  };
  const resources = RESOURCES as readonly string[];
  const lines = limits.map(({ resource, soft, hard }) =>
    [resources.indexOf(resource), limitValue(soft), limitValue(hard)].join(" "),
  );
  if (lines.length > 0) write("limits", `${lines.join("\n")}\n`);
  if (init !== undefined) write("init", wordsOf(init));
  return files;
}

function wordsOf({ command, args, env }: InitHandoff): string {
  const words = [command, ...args].map((word) => `a${word}\0`);
  const variables = Object.entries(env).map(([key, value]) => `e${key}=${value}\0`);
  return [...words, ...variables].join("");
}
