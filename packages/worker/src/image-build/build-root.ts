/**
 * Makes a root file system of an image's layers. What is in them is a stranger's, so nothing of it is read on the host: a VM of nobody is
 * given each layer as a disk, one after the other, and applies it onto a file system that was empty.
 */
import { chmod, chown, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { DISK_FOLDER } from "../disk/chain.ts";
import { closeNode, putBehindSpare } from "../disk/spare-disk.ts";
import { linkOrCopy } from "../files/copy.ts";
import { syncPath } from "../files/durable.ts";
import { MAX_IMAGE_BYTES } from "../images/image-limits.ts";
import type { HeldLayer } from "../images/image-store.ts";
import { invalidImage } from "../images/invalid-image.ts";
import type { Parts } from "../vm/state/worker-context.ts";
import { BuildVm } from "./build-vm.ts";
import type { BuildVmContext } from "./build-vm.ts";
import { makeRootDisk } from "./root-disk.ts";

interface RootOrder {
  /** The lowest first. */
  readonly layers: readonly HeldLayer[];
  readonly diskGib: number;
  /** 64 hexadecimal digits. */
  readonly digest: string;
  readonly path: string;
}

const GIB = 1024 ** 3;
const APPLIER = new URL("./apply-layer.py", import.meta.url);
const APPLIER_IN_GUEST = "/run/fastvm-apply-layer.py";
const TARGET = "/mnt";
/** Of what is behind them, the first is written and the second read. */
const [TARGET_SPARE, LAYER_SPARE] = [0, 1];
/** By the user of the QEMU that it is linked for; the folders above decide whom that is. */
const READABLE = 0o444;
const REFUSED = "refused: ";

/** A spare disk has no driver until it is asked for; prints the device's name and that of the disk, once its size is known. */
const BIND = `
driver=/sys/bus/virtio/drivers/virtio_blk
device=$1
if [ -z "$device" ]; then
  for found in $(ls /sys/bus/virtio/devices | sort -V); do
    [ -e /sys/bus/virtio/devices/$found/driver ] || { device=$found; break; }
  done
fi
echo $device >$driver/bind
disk=$(ls /sys/bus/virtio/devices/$device/block)
until [ -b /dev/$disk ]; do sleep 0.01; done
echo $device /dev/$disk
`;
const UNBIND = `echo $1 >/sys/bus/virtio/drivers/virtio_blk/unbind`;
/** Its own folder for what a check finds is in no image. */
const MOUNT = `mount -t ext4 -o noatime,init_itable=0 "$1" ${TARGET} && rmdir ${TARGET}/lost+found`;

/** Returns how long each layer took, in ms. Rejects with `image_invalid` when a layer is not what it says, or cannot be applied. */
export async function buildRoot(
  context: BuildVmContext,
  { layers, diskGib, digest, path }: RootOrder,
  signal: AbortSignal,
): Promise<readonly number[]> {
  await using build = await BuildVm.start(context, signal);
  const { folder, record } = build.vm;
  const target = join(folder, DISK_FOLDER, "target.raw");
  await makeRootDisk(target, diskGib, digest);
  await chown(target, record.uid, record.uid);
  const { qmp } = build.vm.requireGuest().qemu;
  await putBehindSpare(qmp, TARGET_SPARE, "target", { kind: "raw", file: `${DISK_FOLDER}/target.raw` });
  const { device, disk } = await bind(build, "");
  await build.mustRun(MOUNT, [disk]);
  await build.mustRun(`cat >${APPLIER_IN_GUEST}`, [], await readFile(APPLIER));
  const times: number[] = [];
  let layerDevice = "";
  for (const [index, layer] of layers.entries()) {
    const startedAt = performance.now();
    layerDevice = await applyOne(context, build, {
      index,
      layer,
      device: layerDevice,
      maxBytes: diskGib * GIB,
    });
    times.push(performance.now() - startedAt);
  }
  await build.mustRun(`umount ${TARGET} && ${UNBIND}`, [device]);
  // Before anybody else reads it: from now on it is no longer that QEMU's.
  await build.end();
  await chown(target, 0, 0);
  await chmod(target, READABLE);
  await syncPath(target);
  await linkOrCopy(target, path);
  return times;
}

interface Application {
  readonly index: number;
  readonly layer: HeldLayer;
  /** What the disk of layers is called in the guest; empty for the first one. */
  readonly device: string;
  readonly maxBytes: number;
}

async function applyOne(
  context: Parts<"overlays">,
  build: BuildVm,
  { index, layer, device: known, maxBytes }: Application,
): Promise<string> {
  await putLayer(context, build, index, layer);
  const { device, disk } = await bind(build, known);
  const { path: _, sizeBytes, compression, diffId } = layer;
  const result = await build.run([
    "python3",
    APPLIER_IN_GUEST,
    TARGET,
    disk,
    `${sizeBytes}`,
    compression,
    `${maxBytes}`,
  ]);
  const last = result.stderr.trim().split("\n").at(-1) ?? "";
  if (last.startsWith(REFUSED))
    throw invalidImage(`layer ${index} cannot be applied: ${last.slice(REFUSED.length)}`);
  if (result.exitCode !== 0)
    throw new Error(`The applier of layers ended with ${result.exitCode}: ${result.stderr}`);
  const found = result.stdout.trim();
  if (found !== diffId) throw invalidImage(`layer ${index} is to be ${diffId} and is ${found}`);
  await build.mustRun(UNBIND, [device]);
  return device;
}

/** In place of the one before, which nobody reads any more. */
async function putLayer(
  context: Parts<"overlays">,
  { vm }: BuildVm,
  index: number,
  { path }: HeldLayer,
): Promise<void> {
  const [file, overlay] = [`${DISK_FOLDER}/layer-${index}.raw`, `${DISK_FOLDER}/layer-${index}.qcow2`];
  await chmod(path, READABLE);
  await linkOrCopy(path, join(vm.folder, file));
  // As large as any layer: behind its end, as behind that of the file, are zeros.
  await context.overlays.create(join(vm.folder, overlay), MAX_IMAGE_BYTES, vm.record.uid);
  const { qmp } = vm.requireGuest().qemu;
  await putBehindSpare(qmp, LAYER_SPARE, `layer-${index}`, { kind: "read", file, overlay });
  if (index === 0) return;
  await closeNode(qmp, `layer-${index - 1}`);
  for (const suffix of ["raw", "qcow2"])
    await rm(join(vm.folder, `${DISK_FOLDER}/layer-${index - 1}.${suffix}`));
}

async function bind(
  build: BuildVm,
  known: string,
): Promise<{ readonly device: string; readonly disk: string }> {
  const [device = "", disk = ""] = (await build.mustRun(BIND, [known])).split(" ");
  return { device, disk };
}
