/**
 * Capture: the one way a running VM's state becomes files. Snapshot, pause, fork and template differ only in what happens afterwards.
 *
 * Inside the pause is only what needs a guest that stands still: its device state, the switch of its disk to a new overlay, the last of
 * its memory (memory/capture-memory.ts). Opening files, checksums and syncing wait until it runs again.
 */
import { constants } from "node:fs";
import { open, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { FastvmError, step } from "@fastvm/contract";
import { freezeBelowTop, freezeLayer, settleChain } from "./settle-chain.ts";
import { closeOverlay, DISK_FOLDER, nextLayer, openOverlay, switchToOverlay } from "../../disk/chain.ts";
import type { OverlayFactory } from "../../disk/overlay.ts";
import { allSettled } from "../../concurrency/all-settled.ts";
import { checksumOf } from "../../files/checksum.ts";
import { linkOrCopy } from "../../files/copy.ts";
import { MemoryCapture } from "../../memory/capture-memory.ts";
import type { CapturedMemory, MemoryCopier, Tracking } from "../../memory/capture-memory.ts";
import { MEMORY_FILE, RUN_FOLDER } from "../../qemu/machine.ts";
import { makeRunFile } from "../../qemu/run-folder.ts";
import { linkLayers, STATE_FILE } from "../../snapshot/folder.ts";
import { linkQemu } from "../../qemu/qemu-set.ts";
import { writeManifest } from "../../snapshot/manifest.ts";
import type { Compatibility, StoredFile } from "../../snapshot/manifest.ts";
import { storePages } from "../../snapshot/store-pages.ts";
import { FrozenVolumes } from "../volumes/frozen-volumes.ts";
import { dropCaches, findFreePages } from "./reclaim.ts";
import type { HeldTrust } from "../../trust/trust.ts";
import { diskOptions, settleNewLayer } from "../state/durability.ts";
import type { Guest, Vm } from "../state/vm.ts";

/** Bytes per GiB. */
const GIB = 1024 ** 3;
/**
 * What the guest link may take to come to a frame boundary; a guest that is slower is captured as it is, and resynchronises when restored.
 */
const QUIESCE_DEADLINE_MS = 20;
/** A device state is some hundred KiB; QEMU, which a guest may have taken over, writes the file. */
const MAX_STATE_BYTES = 16 * 1024 * 1024;

export interface CaptureContext {
  readonly overlays: OverlayFactory;
  readonly copier: MemoryCopier;
  /** Told of failures that no caller waits for. */
  readonly onError: (error: unknown) => void;
}

export interface CaptureOptions {
  /** `durable`: what outlives this daemon, and may be read somewhere else. */
  readonly durability: "durable" | "volatile";
  /** What the guest does afterwards. It always runs on when the capture fails. */
  readonly afterwards: "continue" | "stay stopped";
  /** Whether the guest drops its caches, and what it has free is left out. Where that cannot be, all is captured. Default: false. */
  readonly reclaim?: boolean;
}

export interface Captured {
  readonly pauseMs: number;
  readonly dirtyBytes: number;
  /** Absent when none was. */
  readonly tracking?: Tracking;
  /** Free memory that was left out; absent where that was not asked for or could not be. */
  readonly reclaimedBytes?: number;
}

/** What is captured of a VM, beside its state. */
interface Contents {
  readonly compatibility: Compatibility;
  readonly trust: HeldTrust | undefined;
  readonly chain: readonly string[];
  readonly memory: CapturedMemory;
  readonly volumesTable: StoredFile | undefined;
}

/** Fills `target`, a partial snapshot folder, but for the manifest's syncing and renaming. */
export async function capture(
  context: CaptureContext,
  vm: Vm,
  target: string,
  options: CaptureOptions,
): Promise<Captured> {
  const guest = await vm.presentGuest();
  const compatibility = requireCompatibility(vm);
  // As it is before the pause: what is written afterwards is not in the state.
  const { trust } = vm.record;
  await step("capture.begun");
  const findFree = options.reclaim === true && (await dropCaches(vm)) ? () => findFreePages(vm) : undefined;
  await settleChain(vm, guest.qemu);
  const frozen = vm.record.chain;
  const overlay = nextLayer(frozen);
  const memory = await MemoryCapture.begin(context.copier, {
    pid: guest.qemu.identity.pid,
    folder: vm.folder,
    memoryFile: join(vm.folder, MEMORY_FILE),
    memory: vm.memory,
  });
  // None of a VM without volumes, which waits for nothing here.
  using volumes = vm.record.volumes?.length ? new FrozenVolumes(vm, context.onError) : undefined;
  let pauseMs: number;
  let volumesTable: StoredFile | undefined;
  try {
    // Side by side: QEMU opens a disk while another program reads its memory.
    await allSettled<[void, void]>([
      prepareOverlay(context, vm, guest, overlay),
      memory.copyWhileRunning(findFree),
    ]);
    await volumes?.freeze(options.afterwards);
    pauseMs = await pauseAndCopy(vm, guest, overlay, memory, options);
    // What it knows stays as it was when it was frozen, so nobody need stand still for this.
    volumesTable = await volumes?.save(target);
  } catch (error) {
    // What was meant to be told is the failure. Whatever is left of the capture is settled by the next one.
    await volumes?.thaw();
    await discardOverlay(vm, guest, overlay).catch(() => undefined);
    throw error;
  }
  if (options.afterwards === "continue") await volumes?.thaw();
  await freezeLayer(vm.folder, frozen[frozen.length - 1] ?? "");
  await step("capture.frozen");
  const captured = await memory.settle();
  const contents = { compatibility, trust, chain: frozen, memory: captured, volumesTable };
  await collect(vm, contents, target, options.durability);
  await vm.memory.removeUnused(vm.folder);
  const { copiedBytes, tracking, leftOutBytes } = captured;
  return {
    pauseMs,
    dirtyBytes: copiedBytes,
    tracking,
    ...(leftOutBytes !== undefined && { reclaimedBytes: leftOutBytes }),
  };
}

async function prepareOverlay(context: CaptureContext, vm: Vm, guest: Guest, overlay: string): Promise<void> {
  const path = join(vm.folder, DISK_FOLDER, overlay);
  await rm(path, { force: true });
  await context.overlays.create(path, vm.record.diskGib * GIB, vm.record.uid);
  await settleNewLayer(vm, overlay);
  await step("capture.overlay-made");
  await openOverlay(guest.qemu.qmp, overlay, diskOptions(vm.record));
  await step("capture.overlay-opened");
  await makeRunFile(vm.folder, STATE_FILE, vm.record.uid);
}

async function pauseAndCopy(
  vm: Vm,
  guest: Guest,
  overlay: string,
  memory: MemoryCapture,
  options: CaptureOptions,
): Promise<number> {
  const { qemu } = guest;
  // None while a guest keeps silent: it is captured as it is.
  const link = guest.link.current;
  await link?.quiesce(QUIESCE_DEADLINE_MS);
  const stoppedAt = performance.now();
  let keepStopped = false;
  try {
    await step("capture.quiesced");
    await qemu.qmp.execute("stop");
    await step("capture.stopped");
    // live=false: QEMU would otherwise give up its disks, as if another host were to take over.
    const save = qemu.qmp.execute("xen-save-devices-state", { filename: stateFile(), live: false });
    await allSettled<[unknown, void]>([save, memory.copyLast()]);
    await step("capture.copied");
    await switchToOverlay(qemu.qmp, vm.record.chain, overlay);
    await step("capture.switched");
    keepStopped = options.afterwards === "stay stopped";
    if (!keepStopped) await qemu.qmp.execute("cont");
    const pauseMs = performance.now() - stoppedAt;
    await step("capture.continued");
    await vm.note({ chain: [...vm.record.chain, overlay] });
    await step("capture.recorded");
    return pauseMs;
  } catch (error) {
    keepStopped = false;
    await qemu.qmp.execute("cont").catch(() => undefined);
    throw error;
  } finally {
    if (!keepStopped) link?.release();
  }
}

/**
 * A capture that fails before its switch leaves the VM as it was. Whether it had come to
 * the switch, QEMU knows: an answer may have been late.
 */
async function discardOverlay(vm: Vm, { qemu }: Guest, overlay: string): Promise<void> {
  await settleChain(vm, qemu);
  if (vm.record.chain.includes(overlay)) return await freezeBelowTop(vm.folder, vm.record.chain.slice(-2));
  await closeOverlay(qemu.qmp, overlay).catch(() => undefined);
  await rm(join(vm.folder, DISK_FOLDER, overlay), { force: true });
}

/** Relative to QEMU's working directory. */
function stateFile(): string {
  return `${RUN_FOLDER}/${STATE_FILE}`;
}

async function collect(
  vm: Vm,
  { compatibility, trust, chain, memory, volumesTable }: Contents,
  target: string,
  durability: CaptureOptions["durability"],
): Promise<void> {
  const [pages, deviceState] = await allSettled([
    // Reads all pages that are new, for their digest: the rest is done meanwhile.
    storePages(vm.memory, vm.folder, target, memory.map, durability),
    takeDeviceState(vm, target),
    linkOrCopy(join(vm.folder, MEMORY_FILE), join(target, MEMORY_FILE)),
    linkLayers(vm.folder, target, chain),
    linkQemu(vm.folder, target),
  ]);
  await step("capture.linked");
  const { machine, diskGib, imageDigest, commands, volumes = [] } = vm.record;
  await writeManifest(target, {
    createdAt: new Date().toISOString(),
    machine,
    diskGib,
    imageDigest,
    // What this VM has, and not what the host gives to new ones: the daemon may have been
    // started anew, with another setting or another QEMU.
    compatibility,
    ...(trust !== undefined && { trust }),
    ...(commands !== undefined && { commands }),
    ...(volumes.length > 0 && { volumes }),
    ...(vm.record.plainMounts?.length && { plainMounts: vm.record.plainMounts }),
    ...(volumesTable !== undefined && { volumesTable }),
    memory: { bytes: machine.memoryMib * 1024 * 1024 },
    ...(pages !== undefined && { pages }),
    deviceState,
    layers: await Promise.all(
      chain.map(async (name) => ({ name, bytes: (await stat(join(target, DISK_FOLDER, name))).size })),
    ),
  });
  await step("capture.described");
}

/** A VM of a daemon that did not write down what it started runs in hardware that nobody knows any more. */
function requireCompatibility({ record }: Vm): Compatibility {
  if (record.compatibility !== undefined) return record.compatibility;
  throw new FastvmError(
    "capture_failed",
    "an earlier version of FastVM started this VM, and what it captures could not be resumed",
  );
}

/** Read without following links: the folder belonged to QEMU once, which could have put anything under that name. */
async function takeDeviceState(vm: Vm, target: string): Promise<StoredFile> {
  const path = join(vm.folder, stateFile());
  await using source = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const found = await source.stat();
  if (!found.isFile() || found.size > MAX_STATE_BYTES) {
    throw new Error(`QEMU left ${found.size} bytes that are no device state`);
  }
  // No more than that: it could go on growing for as long as it is read.
  const { buffer, bytesRead } = await source.read(Buffer.alloc(found.size), 0, found.size, 0);
  if (bytesRead !== found.size) throw new Error("QEMU cut its device state short");
  await writeFile(join(target, STATE_FILE), buffer, { flag: "wx", mode: 0o600 });
  await rm(path);
  await step("capture.state-taken");
  return { bytes: buffer.length, crc32: checksumOf(buffer) };
}
