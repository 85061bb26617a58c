/** From a waiting QEMU to a guest that runs and answers, but does not know yet who it is. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { step } from "@fastvm/contract";
import type { Durability, NetworkPolicy, VmId, VmIdentity } from "@fastvm/contract";
import { attachDisk, DISK_FOLDER, nextLayer } from "../../disk/chain.ts";
import type { OverlayFactory } from "../../disk/overlay.ts";
import { allSettled } from "../../concurrency/all-settled.ts";
import type { MemoryCopier } from "../../memory/capture-memory.ts";
import { giveMemory } from "../../memory/give-memory.ts";
import type { VmMemory } from "../../memory/vm-memory.ts";
import type { Slot } from "../../pool/slot.ts";
import { MEMORY_FILE } from "../../qemu/machine.ts";
import { linkLayers } from "../../snapshot/folder.ts";
import type { Snapshot } from "../../snapshot/folder.ts";
import { verifyPages } from "../../snapshot/memory.ts";
import type { OpenedSnapshot } from "../../snapshot/memory.ts";
import { loadDeviceState, readDeviceState } from "../../snapshot/device-state.ts";
import { openLink } from "../guest/open-link.ts";
import type { GuestForward } from "../state/guest-forward.ts";
import type { StartedGuest } from "../state/standby-vm.ts";
import { diskOptions } from "../state/durability.ts";
import type { Vm, VmRecord } from "../state/vm.ts";

const GIB = 1024 ** 3;
const LINK_GENERATION_BYTES = 16;

/** Of its parts the worker's context is enough that also a pool can have while the worker is being made. */
export interface StartContext {
  readonly overlays: OverlayFactory;
  readonly copier: MemoryCopier;
  readonly forward: GuestForward | undefined;
}

interface Owner {
  readonly vmId: VmId;
  readonly identity: VmIdentity;
  readonly diskGib: number;
  readonly policy?: NetworkPolicy;
  readonly durability?: Durability | undefined;
  readonly generation?: number | undefined;
  /** Of a VM that had one before; default: the slot's own. */
  readonly publicIpv6?: string | undefined;
}

export function initialRecord(snapshot: Snapshot, owner: Owner, slot: Slot): VmRecord {
  const layers = snapshot.manifest.layers.map((layer) => layer.name);
  return {
    vmId: owner.vmId,
    phase: "starting",
    machine: snapshot.manifest.machine,
    diskGib: owner.diskGib,
    identity: owner.identity,
    imageDigest: snapshot.manifest.imageDigest,
    ...(snapshot.manifest.commands && { commands: snapshot.manifest.commands }),
    ...(snapshot.manifest.trust && { trust: snapshot.manifest.trust }),
    ...(snapshot.manifest.volumes && { volumes: snapshot.manifest.volumes }),
    ...(snapshot.manifest.plainMounts && { plainMounts: snapshot.manifest.plainMounts }),
    uid: slot.uid,
    slot: slot.name,
    ...(owner.policy && { policy: owner.policy }),
    ...(owner.durability && { durability: owner.durability }),
    ...(slot.network && {
      network: { index: slot.network.index },
      publicIpv6: owner.publicIpv6 ?? slot.network.publicIpv6,
    }),
    linkGeneration: randomBytes(LINK_GENERATION_BYTES).toString("hex"),
    generation: owner.generation ?? 1,
    chain: [...layers, nextLayer(layers)],
    compatibility: { ...snapshot.manifest.compatibility, qemu: slot.runs },
    process: slot.qemu.identity,
  };
}

interface StartOptions {
  readonly signal?: AbortSignal | undefined;
  /** What has to be there, too, before the guest goes on. */
  readonly beside?: Promise<void>;
}

export async function startGuest(
  context: StartContext,
  slot: Slot,
  snapshot: OpenedSnapshot,
  vm: Vm,
  { signal, beside }: StartOptions = {},
): Promise<StartedGuest> {
  const { qemu } = slot;
  const [state] = await allSettled<[Buffer, void, void, void, void]>([
    readDeviceState(snapshot),
    record(vm),
    giveDisk(context, vm, slot, snapshot),
    takeMemory(context, vm, slot, snapshot),
    beside ?? Promise.resolve(),
  ]);
  await step("start-guest.prepared");
  await loadDeviceState(qemu, state);
  await step("start-guest.state-loaded");
  await qemu.qmp.execute("cont");
  await step("start-guest.continued");
  const link = await openLink(vm, context.forward, { signal });
  await step("start-guest.linked");
  return { qemu, link };
}

async function record(vm: Vm): Promise<void> {
  await vm.update({});
  await step("start-guest.recorded");
}

/** The overlay has the captured size: the guest knows the disk by it, and is told of a larger one when it runs. */
async function giveDisk(context: StartContext, vm: Vm, slot: Slot, snapshot: Snapshot): Promise<void> {
  const layers = snapshot.manifest.layers.map((layer) => layer.name);
  await linkLayers(snapshot.folder, slot.folder, layers);
  await step("start-guest.layers-linked");
  const overlay = join(slot.folder, DISK_FOLDER, nextLayer(layers));
  await context.overlays.create(overlay, snapshot.manifest.diskGib * GIB, slot.uid);
  await step("start-guest.overlay-made");
  await attachDisk(slot.qemu.qmp, vm.record.chain, diskOptions(vm.record));
  await step("start-guest.disk-attached");
}

async function takeMemory(
  context: StartContext,
  vm: Vm,
  slot: Slot,
  snapshot: OpenedSnapshot,
): Promise<void> {
  const target = {
    pid: slot.qemu.identity.pid,
    folder: slot.folder,
    memoryFile: join(slot.folder, MEMORY_FILE),
    mapped: slot.mapped,
  };
  const [memory] = await allSettled<[VmMemory, void]>([
    giveMemory(context.copier, target, snapshot.memory),
    // What is mapped is too much to be read at each start.
    slot.mapped.extents.length === 0 ? verifyPages(snapshot) : Promise.resolve(),
  ]);
  for (const { name, sha256 } of snapshot.manifest.pages?.files ?? []) {
    if (sha256 !== undefined) memory.digests.set(name, sha256);
  }
  vm.memory = memory;
  await step("start-guest.memory-given");
}
