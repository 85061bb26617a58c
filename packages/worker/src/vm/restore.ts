/**
 * Restore: the one way a captured state becomes a running VM. Launch, resume, restore and each child of a fork come through here. A VM counts as
 * running only when its guest has answered the handshake; on any failure nothing of it is left.
 */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FastvmError } from "@fastvm/contract";
import type { VmId, VmIdentity, VmTtl } from "@fastvm/contract";
import { attachDisk, DISK_FOLDER, nextLayer, resizeDisk } from "../disk/chain.ts";
import { checksumFile } from "../files/checksum.ts";
import { isErrno } from "../files/errno.ts";
import { handshakeFields } from "../identity/handshake.ts";
import { applyDelta } from "../memory/delta.ts";
import { findMemoryMapping } from "../memory/mapping.ts";
import { closeSlot, moveSlot, openSlot } from "../pool/slot.ts";
import type { Slot } from "../pool/slot.ts";
import { MEMORY_FILE } from "../qemu/machine.ts";
import { DELTA_FILE, linkLayers } from "../snapshot/folder.ts";
import type { Snapshot } from "../snapshot/folder.ts";
import { assertCompatible } from "../snapshot/manifest.ts";
import { loadDeviceState, readDeviceState } from "./device-state.ts";
import { openLink } from "./open-link.ts";
import type { SerialQueue } from "./serial-queue.ts";
import { Vm } from "./vm.ts";
import type { VmRecord } from "./vm.ts";
import { watchGuest } from "./watch-guest.ts";
import type { WorkerContext } from "./worker-context.ts";

const GIB = 1024 ** 3;
const GENERATION_BYTES = 16;

export interface RestoreRequest {
  readonly vmId: VmId;
  readonly identity: VmIdentity;
  readonly ttl: VmTtl | undefined;
  /** At least the snapshot's. */
  readonly diskGib: number;
  /** Becomes the VM's folder; must not exist. */
  readonly folder: string;
  /** Of the VM that is resumed. */
  readonly transitions?: SerialQueue;
}

export interface Restored {
  readonly vm: Vm;
  readonly fromPool: boolean;
}

export async function restore(
  context: WorkerContext,
  snapshot: Snapshot,
  request: RestoreRequest,
): Promise<Restored> {
  const { manifest } = snapshot;
  assertCompatible(manifest.compatibility, context.compatibility(manifest.machine));
  try {
    return await context.pool.during(() => restoreIntoSlot(context, snapshot, request));
  } catch (error) {
    throw asLaunchError(error);
  }
}

async function restoreIntoSlot(
  context: WorkerContext,
  snapshot: Snapshot,
  request: RestoreRequest,
): Promise<Restored> {
  const { slot, fromPool } = await takeSlot(context, snapshot, request.folder);
  try {
    const vm = await bringUp(context, slot, snapshot, request);
    return { vm, fromPool };
  } catch (error) {
    await closeSlot(context, slot);
    throw error;
  }
}

async function takeSlot(
  context: WorkerContext,
  snapshot: Snapshot,
  folder: string,
): Promise<{ slot: Slot; fromPool: boolean }> {
  await mkdir(dirname(folder), { recursive: true });
  const pooled = await context.pool.take(snapshot);
  if (pooled !== undefined) return { slot: await moveSlot(pooled, folder), fromPool: true };
  const slot = await openSlot(context, {
    folder,
    machine: { machine: snapshot.manifest.machine, accelerator: context.accelerator },
    memory: join(snapshot.folder, MEMORY_FILE),
  });
  return { slot, fromPool: false };
}

async function bringUp(
  context: WorkerContext,
  slot: Slot,
  snapshot: Snapshot,
  request: RestoreRequest,
): Promise<Vm> {
  const vm = new Vm(request.folder, initialRecord(snapshot, request, slot), request.transitions);
  const { qemu } = slot;
  const [state] = await Promise.all([
    readDeviceState(snapshot),
    vm.update({}),
    giveDisk(context, vm, slot, snapshot),
    giveMemory(slot, snapshot),
  ]);
  await loadDeviceState(qemu, state);
  await qemu.qmp.execute("cont");
  const link = await openLink(vm, context.forward);
  try {
    const growRoot = request.diskGib > snapshot.manifest.diskGib;
    if (growRoot) await resizeDisk(qemu.qmp, vm.record.chain, request.diskGib * GIB);
    await link.identify(
      handshakeFields({
        vmId: vm.vmId,
        identity: request.identity,
        growRoot,
        forwardPort: context.forward?.port,
      }),
    );
    await vm.update({ phase: "running", ...deadlineFromNow(request.ttl) });
  } catch (error) {
    link.close();
    throw error;
  }
  vm.setGuest({ qemu, link });
  watchGuest(context, vm);
  return vm;
}

function deadlineFromNow(ttl: VmTtl | undefined): Pick<VmRecord, "deadline"> {
  return ttl === undefined ? {} : { deadline: { atMs: Date.now() + ttl.remainingMs, action: ttl.action } };
}

function initialRecord(snapshot: Snapshot, request: RestoreRequest, slot: Slot): VmRecord {
  const layers = snapshot.manifest.layers.map((layer) => layer.name);
  return {
    vmId: request.vmId,
    phase: "starting",
    machine: snapshot.manifest.machine,
    diskGib: request.diskGib,
    identity: request.identity,
    imageDigest: snapshot.manifest.imageDigest,
    uid: slot.uid,
    slot: slot.name,
    generation: randomBytes(GENERATION_BYTES).toString("hex"),
    chain: [...layers, nextLayer(layers)],
    process: slot.qemu.identity,
  };
}

/** The overlay has the captured size: the guest knows the disk by it, and is told of a larger one when it runs. */
async function giveDisk(context: WorkerContext, vm: Vm, slot: Slot, snapshot: Snapshot): Promise<void> {
  const layers = snapshot.manifest.layers.map((layer) => layer.name);
  await linkLayers(snapshot.folder, slot.folder, layers);
  const overlay = join(slot.folder, DISK_FOLDER, nextLayer(layers));
  await context.overlays.create(overlay, snapshot.manifest.diskGib * GIB, slot.uid);
  await attachDisk(slot.qemu.qmp, vm.record.chain);
}

async function giveMemory(slot: Slot, snapshot: Snapshot): Promise<void> {
  const { delta } = snapshot.manifest;
  if (delta === undefined) return;
  const path = join(snapshot.folder, DELTA_FILE);
  const { pid } = slot.qemu.identity;
  const mapping = await findMemoryMapping(pid, join(slot.folder, MEMORY_FILE));
  const [sum] = await Promise.all([checksumFile(path), applyDelta(pid, mapping, path)]);
  if (sum !== delta.crc32) throw new FastvmError("snapshot_incompatible", "its memory is damaged");
}

/** What a caller is told: a full disk by its name, everything unforeseen as a failed launch with its cause. */
function asLaunchError(error: unknown): FastvmError {
  if (error instanceof FastvmError) return error;
  if (isErrno(error, "ENOSPC", "EDQUOT")) return new FastvmError("out_of_disk", undefined, { cause: error });
  const detail = error instanceof Error ? error.message : String(error);
  return new FastvmError("launch_failed", detail, { cause: error });
}
