/**
 * Restore: the one way a captured state becomes a running VM. Launch, resume, restore and each child of a fork come through
 * here. A VM counts as running only when its guest has answered the handshake; on any failure nothing of it is left.
 */
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FastvmError, step } from "@fastvm/contract";
import type { Durability, NetworkPolicy, VmId, VmIdentity, VmTtl, VolumeMount } from "@fastvm/contract";
import { resizeDisk } from "../../disk/chain.ts";
import { CLOSED_FOLDER_MODE } from "../../files/closed-folder.ts";
import { isOutOfDisk } from "../../files/errno.ts";
import { handshakeFields } from "../../identity/handshake.ts";
import type { Life } from "../../identity/handshake.ts";
import { allowDisk, closeSlot, moveSlot, openSlot } from "../../pool/slot.ts";
import type { Slot, SlotHost } from "../../pool/slot.ts";
import { onlyMapped, planMapped } from "../../memory/plan-memory.ts";
import { MEMORY_FILE } from "../../qemu/machine.ts";
import type { QemuProcess } from "../../qemu/qemu-process.ts";
import type { Snapshot } from "../../snapshot/folder.ts";
import { isRefusedState } from "../../qemu/refused-features.ts";
import { chooseQemu } from "../../snapshot/set-of.ts";
import { openMemory } from "../../snapshot/memory.ts";
import type { OpenedSnapshot } from "../../snapshot/memory.ts";
import { assertCompatible } from "../../snapshot/manifest.ts";
import type { Manifest } from "../../snapshot/manifest.ts";
import { bringTrust, withTrust } from "../guest/bring-trust.ts";
import { dialPublished } from "../guest/dial.ts";
import { settleLayers } from "../state/durability.ts";
import { asEnded } from "../state/ended-error.ts";
import type { SerialQueue } from "../../concurrency/serial-queue.ts";
import { Vm } from "../state/vm.ts";
import type { VmRecord } from "../state/vm.ts";
import { keepLink } from "../guest/open-link.ts";
import type { Standby, StartedGuest } from "../state/standby-vm.ts";
import { initialRecord, startGuest } from "./start-guest.ts";
import type { StartContext } from "./start-guest.ts";
import type { VolumeServerContext } from "../volumes/volume-server.ts";
import { serveCaptured } from "../guest/volumes.ts";
import { watchGuest } from "../guest/watch-guest.ts";
import type { Parts } from "../state/worker-context.ts";

export type RestoreContext = SlotHost &
  StartContext &
  Parts<
    | "accelerator"
    | "compatibility"
    | "ending"
    | "installedQemu"
    | "intercepted"
    | "onError"
    | "onGuestLost"
    | "pool"
    | "standby"
    | "startTurns"
    | "trust"
    | "volumes"
  >;

const GIB = 1024 ** 3;

interface RestoreRequest {
  readonly vmId: VmId;
  readonly life: Life;
  readonly identity: VmIdentity;
  readonly ttl: VmTtl | undefined;
  /** At least the snapshot's. */
  readonly diskGib: number;
  readonly policy: NetworkPolicy;
  /** Of its disk; default: `relaxed`. */
  readonly durability?: Durability | undefined;
  /** Of the life that begins; default: 1. */
  readonly generation?: number | undefined;
  /** Of a VM that had one before. */
  readonly publicIpv6?: string | undefined;
  /** Of those that the captured guest has mounted, the ones that it keeps, as it is to have them; default: none. */
  readonly volumes?: readonly VolumeMount[] | undefined;
  /** Becomes the VM's folder; must not exist. */
  readonly folder: string;
  /** Of the VM that is resumed. */
  readonly transitions?: SerialQueue;
  /** Aborting ends the QEMU and so whatever waits for it or its guest; the restore then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What a guest that runs is told. */
type Introduction = Pick<RestoreRequest, "vmId" | "life" | "identity" | "ttl" | "diskGib" | "signal">;

interface Restored {
  readonly vm: Vm;
  readonly fromPool: boolean;
}

export async function restore(
  context: RestoreContext,
  snapshot: Snapshot,
  request: RestoreRequest,
): Promise<Restored> {
  const { manifest } = snapshot;
  assertCompatible(manifest.compatibility, context.compatibility(manifest.machine));
  try {
    return await context.pool.during(() =>
      context.standby.during(async () => {
        using _turn = await context.startTurns.take(request.signal);
        return await restoreIntoSlot(context, snapshot, request);
      }),
    );
  } catch (error) {
    request.signal?.throwIfAborted();
    throw asLaunchError(error);
  }
}

async function restoreIntoSlot(
  context: SlotHost &
    StartContext &
    Parts<
      | "accelerator"
      | "ending"
      | "installedQemu"
      | "intercepted"
      | "onError"
      | "onGuestLost"
      | "pool"
      | "standby"
      | "trust"
      | "volumes"
    >,
  snapshot: Snapshot,
  request: RestoreRequest,
): Promise<Restored> {
  const { signal } = request;
  signal?.throwIfAborted();
  // The disk of one that stands by is open, and passes no flush on.
  const standby = request.durability === "strict" ? undefined : await context.standby.take(snapshot);
  if (standby !== undefined) {
    try {
      return { vm: await launchStandby(context, standby, snapshot, request), fromPool: true };
    } catch (error) {
      signal?.throwIfAborted();
      // It may have died while it waited; the long way is still open.
      context.onError(error);
    }
  }
  const opened = await openMemory(snapshot);
  const { slot, fromPool } = await takeSlot(context, opened, request);
  try {
    using _end = endOnAbort(slot.qemu, signal);
    await step("restore.slot-taken");
    const vm = await bringUp(context, slot, opened, request);
    return { vm, fromPool };
  } catch (error) {
    const ended = await asEnded(error, slot.qemu);
    const refused = ended && isRefusedState(ended.message);
    await closeSlot(context, slot);
    signal?.throwIfAborted();
    if (refused) throw new FastvmError("snapshot_incompatible", ended.message, { cause: error });
    throw ended ?? error;
  }
}

/** Makes a VM that stands by the one that is asked for. It was captured with the snapshot and has done nothing since that lasts. */
async function launchStandby(
  context: SlotHost & Parts<"forward" | "intercepted" | "onError" | "onGuestLost" | "trust">,
  standby: Standby,
  snapshot: Snapshot,
  request: RestoreRequest,
): Promise<Vm> {
  const { guest } = standby;
  try {
    using _end = endOnAbort(standby.slot.qemu, request.signal);
    await step("restore.standby-taken");
    await mkdir(dirname(request.folder), { recursive: true, mode: CLOSED_FOLDER_MODE });
    const slot = await moveSlot(standby.slot, request.folder);
    await step("restore.standby-moved");
    const { vmId, identity, diskGib, policy, generation = 1 } = request;
    const record: VmRecord = { ...standby.vm.record, vmId, identity, diskGib, policy, generation };
    const vm = new Vm(request.folder, record, request.transitions);
    vm.memory = standby.vm.memory;
    const connected = connect(context, slot, vm);
    return await orDisconnected(connected, async () => {
      await Promise.all([vm.update({}), context.cgroups.takeIntoUse(slot.name, record.machine)]);
      await allowDisk(slot, diskGib);
      await step("restore.standby-recorded");
      await slot.qemu.qmp.execute("cont");
      await step("restore.standby-continued");
      const running = { qemu: slot.qemu, link: guest.link };
      return await introduce(context, vm, running, connected, snapshot, request);
    });
  } catch (error) {
    guest.link.close();
    await closeSlot(context, { ...standby.slot, folder: request.folder });
    // Still there when the move itself failed.
    await rm(standby.slot.folder, { recursive: true, force: true });
    throw error;
  }
}

/** A guest that keeps silent, or a QEMU that does, must not hold up who deletes the VM. */
export function endOnAbort(qemu: QemuProcess, signal: AbortSignal | undefined): Disposable {
  // Whoever undoes the start ends it once more, and is told if that fails.
  const end = (): void => void qemu.kill().catch(() => undefined);
  if (signal?.aborted === true) end();
  signal?.addEventListener("abort", end, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener("abort", end) };
}

async function takeSlot(
  context: SlotHost & Parts<"accelerator" | "installedQemu" | "pool">,
  snapshot: OpenedSnapshot,
  { folder, diskGib }: RestoreRequest,
): Promise<{ slot: Slot; fromPool: boolean }> {
  await mkdir(dirname(folder), { recursive: true, mode: CLOSED_FOLDER_MODE });
  const mapped = planMapped(snapshot.memory.map);
  // A process that waits has mapped the base alone.
  const pooled = mapped.extents.length === 0 ? await context.pool.take(snapshot) : undefined;
  if (pooled !== undefined) {
    const slot = await moveOrClose(context, pooled, folder, snapshot.manifest.machine);
    return { slot, fromPool: true };
  }
  const slot = await openSlot(context, {
    folder,
    machine: { machine: snapshot.manifest.machine, accelerator: context.accelerator },
    diskGib,
    memory: join(snapshot.folder, MEMORY_FILE),
    pages: onlyMapped(snapshot.memory, mapped),
    qemu: await chooseQemu(snapshot, context.installedQemu),
  });
  return { slot, fromPool: false };
}

/** A slot that the pool has given away is nobody's until it has moved: when that fails it goes, wherever it lies by then. */
async function moveOrClose(
  context: SlotHost,
  pooled: Slot,
  folder: string,
  machine: Manifest["machine"],
): Promise<Slot> {
  try {
    await context.cgroups.takeIntoUse(pooled.name, machine);
    return await moveSlot(pooled, folder);
  } catch (error) {
    await closeSlot(context, pooled);
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function bringUp(
  context: StartContext & VolumeServerContext & Parts<"intercepted" | "network" | "onGuestLost" | "trust">,
  slot: Slot,
  snapshot: OpenedSnapshot,
  request: RestoreRequest,
): Promise<Vm> {
  const vm = new Vm(request.folder, initialRecord(snapshot, request, slot), request.transitions);
  const connected = connect(context, slot, vm);
  return await orDisconnected(connected, async () => {
    await allowDisk(slot, request.diskGib);
    const { signal, volumes = [] } = request;
    const beside = serveCaptured(context, vm, snapshot, volumes);
    const guest = await startGuest(context, slot, snapshot, vm, { signal, beside });
    return await introduce(context, vm, guest, connected, snapshot, request);
  });
}

/** A slot that is given up must not be connected afterwards. */
export async function orDisconnected<T>(connected: Promise<void>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await connected.catch(() => undefined);
    throw error;
  }
}

/** Ports come and go with the network of a VM. */
function noPorts(): Promise<void> {
  const refused = Promise.reject<void>(
    new FastvmError(
      "network_failed",
      "no port is published by a daemon that was started with --network none",
    ),
  );
  refused.catch(() => undefined);
  return refused;
}

/** Beside the rest of a restore. Until it is done the guest reaches nobody and nobody it. */
export function connect(
  { network, intercepted }: Parts<"intercepted" | "network">,
  slot: Slot,
  vm: Vm,
): Promise<void> {
  const { policy, publicIpv6 } = vm.record;
  if (network === undefined && policy?.published !== undefined) return noPorts();
  if (network === undefined || slot.network === undefined || !policy || !publicIpv6) return Promise.resolve();
  const connected = network.attach(
    slot.network,
    publicIpv6,
    policy,
    (port) => dialPublished(vm, port),
    intercepted.of(vm.vmId),
  );
  // Whoever fails first is told; the slot is given up with what came of this.
  connected.catch(() => undefined);
  return connected;
}

/** The handshake, after which the VM counts as running. On failure the link is closed. */
export async function introduce(
  context: Parts<"forward" | "intercepted" | "onError" | "onGuestLost" | "trust">,
  vm: Vm,
  guest: StartedGuest,
  connected: Promise<void>,
  { manifest }: { readonly manifest: Pick<Manifest, "diskGib"> },
  request: Introduction,
): Promise<Vm> {
  const { qemu, link } = guest;
  try {
    const growRoot = request.diskGib > manifest.diskGib;
    if (growRoot) {
      await resizeDisk(qemu.qmp, vm.record.chain, request.diskGib * GIB);
      await step("introduce.disk-resized");
    }
    const forwardPort = context.forward?.port;
    const { vmId, life, identity } = request;
    const held = vm.record.trust;
    const { guestLink } = vm.record.policy ?? {};
    const fields = handshakeFields({ vmId, life, identity, trust: held, growRoot, forwardPort, guestLink });
    // An agent that passes over the wish would leave the VM without a network, and nobody told.
    await link.identify(fields, { signal: request.signal, ownInterface: guestLink !== undefined });
    await step("introduce.identified");
    const trust = await bringTrust(context, vm, link);
    await connected;
    await step("introduce.connected");
    // Before the journal says so, which is what a strict VM is by after a power cut.
    await settleLayers(vm);
    await vm.change((record) => ({
      ...withTrust(record, trust),
      phase: "running",
      runningSinceMs: Date.now(),
      ...deadlineFromNow(request.ttl),
    }));
    await step("introduce.recorded");
    request.signal?.throwIfAborted();
  } catch (error) {
    link.close();
    throw error;
  }
  vm.setGuest({ qemu, link: keepLink(vm, context.forward, link) });
  watchGuest(context, vm);
  return vm;
}

function deadlineFromNow(ttl: VmTtl | undefined): Pick<VmRecord, "deadline"> {
  return ttl === undefined ? {} : { deadline: { atMs: Date.now() + ttl.remainingMs, action: ttl.action } };
}

/** What a caller is told: a full disk by its name, everything unforeseen as a failed launch with its cause. */
export function asLaunchError(error: unknown): FastvmError {
  if (error instanceof FastvmError) return error;
  if (isOutOfDisk(error)) return new FastvmError("out_of_disk", undefined, { cause: error });
  const detail = error instanceof Error ? error.message : String(error);
  return new FastvmError("launch_failed", detail, { cause: error });
}
