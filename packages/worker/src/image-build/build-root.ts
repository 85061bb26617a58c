/**
 * Makes a root file system of an image's layers. What is in them is a stranger's, so nothing of it is read on the host: a VM of nobody is
 * given each layer as a disk, one after the other, and applies it onto a file system that was empty.
 */
import { chmod, chown, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DISK_FOLDER } from "../disk/chain.ts";
import { closeNode, putBehindSpare } from "../disk/spare-disk.ts";
import { linkOrCopy } from "../files/copy.ts";
import { syncPath } from "../files/durable.ts";
import { MAX_IMAGE_BYTES } from "../images/image-limits.ts";
import type { HeldLayer } from "../images/image-store.ts";
import { invalidImage } from "../images/invalid-image.ts";
import type { Parts } from "../vm/state/worker-context.ts";
import { bindSpare, UNBIND } from "./bind-spare.ts";
import type { BoundDisk } from "./bind-spare.ts";
import { BuildVm } from "./build-vm.ts";
import type { BuildVmContext, CommandResult } from "./build-vm.ts";
import { batchesOf, writeBatch } from "./layer-batches.ts";
import type { LayerBatch } from "./layer-batches.ts";
import { makeRootDisk } from "./root-disk.ts";

interface RootOrder {
  /** The lowest first. */
  readonly layers: readonly HeldLayer[];
  readonly diskGib: number;
  /** 64 hexadecimal digits. */
  readonly digest: string;
  readonly path: string;
  /** Of one layer; default: more than any real one has. */
  readonly maxEntries?: number;
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const APPLIER = new URL("./apply-layer.py", import.meta.url);
const APPLIER_IN_GUEST = "/run/fastvm-apply-layer.py";
const TARGET = "/mnt";
/** Of what is behind them, the first is written and the second read. */
const [TARGET_SPARE, LAYER_SPARE] = [0, 1];
/** By the user of the QEMU that it is linked for; the folders above decide whom that is. */
const READABLE = 0o444;
const REFUSED = "refused: ";
const MAX_ENTRIES = 1_000_000;
/** Of a program that SIGKILL ended, as shells tell it. */
const KILLED = 128 + 9;
/**
 * How many times its size a layer may have in it: programs and texts have four times, and what has a thousand times is nothing but the same
 * again and again. Small ones may have what is soon written.
 */
const MAX_RATIO = 200;
const ALWAYS_ALLOWED_BYTES = 256 * MIB;

/** Its own folder for what a check finds is in no image. */
const MOUNT = `mount -t ext4 -o noatime,init_itable=0 "$1" ${TARGET} && rmdir ${TARGET}/lost+found`;

/** Rejects with `image_invalid` when a layer is not what it says, or cannot be applied. */
export async function buildRoot(
  context: BuildVmContext,
  { layers, diskGib, digest, path, maxEntries = MAX_ENTRIES }: RootOrder,
  signal: AbortSignal,
): Promise<void> {
  await using build = await BuildVm.start(context, signal);
  const { folder, record } = build.vm;
  const target = join(folder, DISK_FOLDER, "target.raw");
  await makeRootDisk(target, diskGib, digest);
  await chown(target, record.uid, record.uid);
  const { qmp } = build.vm.requireGuest().qemu;
  await putBehindSpare(qmp, TARGET_SPARE, "target", { kind: "raw", file: `${DISK_FOLDER}/target.raw` });
  const { device, disk } = await bindSpare(build);
  await build.mustRun(MOUNT, [disk]);
  await build.mustRun(`cat >${APPLIER_IN_GUEST}`, [], await readFile(APPLIER));
  let layerDisk: BoundDisk | undefined;
  for (const [index, batch] of batchesOf(layers).entries()) {
    await putBatch(context, build, index, batch);
    layerDisk = await bindSpare(build, layerDisk);
    await applyBatch(build, layerDisk, batch, { maxBytes: diskGib * GIB, maxEntries });
  }
  await build.mustRun(`umount ${TARGET} && ${UNBIND}`, [device]);
  // Before anybody else reads it: from now on it is no longer that QEMU's.
  await build.end();
  await chown(target, 0, 0);
  await chmod(target, READABLE);
  await syncPath(target);
  await linkOrCopy(target, path);
}

async function applyBatch(
  build: BuildVm,
  { device, disk }: BoundDisk,
  batch: LayerBatch,
  { maxBytes, maxEntries }: { readonly maxBytes: number; readonly maxEntries: number },
): Promise<void> {
  const layers = batch.map(({ layer: { sizeBytes, compression }, offset }) => {
    const allowed = Math.max(ALWAYS_ALLOWED_BYTES, sizeBytes * MAX_RATIO);
    return [offset, sizeBytes, compression, Math.min(maxBytes, allowed)].join(":");
  });
  const applier = ["python3", APPLIER_IN_GUEST, TARGET, disk, `${maxEntries}`, ...layers];
  const result = await build.run(applier);
  const found = result.stdout.trim().split("\n");
  for (const [at, { layer, index }] of batch.entries()) {
    if (found[at] === layer.diffId) continue;
    if ((found[at] ?? "") !== "")
      throw invalidImage(`layer ${index} is to be ${layer.diffId} and is ${found[at]}`);
    throw failureOf(index, result);
  }
  await build.mustRun(UNBIND, [device]);
}

function failureOf(index: number, { exitCode, stderr }: CommandResult): Error {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  if (last.startsWith(REFUSED))
    return invalidImage(`layer ${index} cannot be applied: ${last.slice(REFUSED.length)}`);
  // By the guest's kernel: what the layer asks for is more than a machine of its size has.
  if (exitCode === KILLED) return invalidImage(`layer ${index} cannot be applied: it takes too much memory`);
  return new Error(`The applier of layers ended with ${exitCode}: ${stderr}`);
}

/** In place of the one before, which nobody reads any more. */
async function putBatch(
  context: Parts<"overlays">,
  { vm }: BuildVm,
  index: number,
  batch: LayerBatch,
): Promise<void> {
  const [file, overlay] = [`${DISK_FOLDER}/layer-${index}.raw`, `${DISK_FOLDER}/layer-${index}.qcow2`];
  const path = join(vm.folder, file);
  await writeBatch(batch, path);
  await chmod(path, READABLE);
  // As large as any layer: behind its end, as behind that of the file, are zeros.
  await context.overlays.create(join(vm.folder, overlay), MAX_IMAGE_BYTES, vm.record.uid);
  const { qmp } = vm.requireGuest().qemu;
  await putBehindSpare(qmp, LAYER_SPARE, `layer-${index}`, { kind: "read", file, overlay });
  if (index === 0) return;
  await closeNode(qmp, `layer-${index - 1}`);
  for (const suffix of ["raw", "qcow2"])
    await rm(join(vm.folder, `${DISK_FOLDER}/layer-${index - 1}.${suffix}`));
}
