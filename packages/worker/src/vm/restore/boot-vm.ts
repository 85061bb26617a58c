/** Boot: a kernel starts a VM from its own disk. The other way into `running`, for what has no captured state. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { FastvmError, step } from "@fastvm/contract";
import type { Durability, NetworkPolicy, VmIdentity, VmTtl } from "@fastvm/contract";
import { bootSlot } from "../../boot/boot-slot.ts";
import type { SerialQueue } from "../../concurrency/serial-queue.ts";
import { attachDisk, nextLayer } from "../../disk/chain.ts";
import { NO_SETTING, startExec } from "../../exec/start-exec.ts";
import { linkOrCopy } from "../../files/copy.ts";
import type { GuestLink } from "../../guest-link/guest-link.ts";
import { isErrno } from "../../files/errno.ts";
import { loadImage } from "../../image/image.ts";
import type { Image } from "../../image/image.ts";
import { closeSlot } from "../../pool/slot.ts";
import type { Slot, SlotHost } from "../../pool/slot.ts";
import { diskOptions } from "../state/durability.ts";
import { asEnded } from "../state/ended-error.ts";
import { openLink } from "../guest/open-link.ts";
import { Vm } from "../state/vm.ts";
import type { VmRecord } from "../state/vm.ts";
import { templatingFolder } from "../state/worker-context.ts";
import type { Parts } from "../state/worker-context.ts";
import { asLaunchError, connect, endOnAbort, introduce, orDisconnected } from "./restore.ts";

export type BootContext = SlotHost &
  Parts<
    | "accelerator"
    | "cache"
    | "compatibility"
    | "config"
    | "forward"
    | "image"
    | "installedQemu"
    | "intercepted"
    | "onError"
    | "onGuestLost"
    | "overlays"
    | "trust"
  >;

const GIB = 1024 ** 3;
const LINK_GENERATION_BYTES = 16;
/** The agent answers after 3 s under emulation; eight emulated vCPUs on two busy cores, and a journal to replay, take many times that. */
const BOOT_DEADLINE_MS = 180_000;
/** Services that take longer than this come while the VM counts as running. */
const SETTLE_MS = 120_000;
/** Enough for the end of a panic. */
const LAST_WORDS_CHARS = 2_000;

/**
 * Until services have begun they clear `/tmp`, among other things, and nobody may log in. The agent answers before process 1 has come to
 * anything, so systemd is known by what process 1 is, and not by what it will make.
 */
const BOOTED = `
sleep 0.2
if [ /proc/1/exe -ef /lib/systemd/systemd ] || [ /proc/1/exe -ef /usr/lib/systemd/systemd ]; then
  until case "$(systemctl is-system-running --wait 2>/dev/null)" in running|degraded) ;; *) false ;; esac; do sleep 0.2; done
fi
`;

interface BootVmRequest {
  /** As it is at rest. */
  readonly record: VmRecord;
  /** Of its layers, which nobody writes to. */
  readonly diskFolder: string;
  readonly identity: VmIdentity;
  readonly ttl: VmTtl | undefined;
  readonly policy: NetworkPolicy;
  readonly durability: Durability;
  /** Of the life that begins. */
  readonly generation: number;
  /** Becomes the VM's folder; must not exist. */
  readonly folder: string;
  readonly transitions: SerialQueue;
  /** Aborting ends the QEMU; the boot then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** It counts as running once its agent has answered; this resolves when its services have begun, too. On failure nothing is left. */
export async function bootVm(context: BootContext, request: BootVmRequest): Promise<Vm> {
  const { signal } = request;
  try {
    signal?.throwIfAborted();
    const slot = await openBootSlot(context, request);
    try {
      using _end = endOnAbort(slot.qemu, signal);
      return await bringUp(context, slot, request);
    } catch (error) {
      const ended = await asEnded(error, slot.qemu);
      await closeSlot(context, slot);
      throw ended ?? error;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw asLaunchError(error);
  }
}

async function openBootSlot(context: BootContext, request: BootVmRequest): Promise<Slot> {
  const { record, diskFolder, folder } = request;
  const { machine, diskGib, chain } = record;
  const { tscKhz } = context.compatibility(machine);
  return await bootSlot(
    { ...context, tscKhz },
    {
      folder,
      workFolder: templatingFolder(context.config),
      machine,
      image: await kernelOf(context, record.imageDigest),
      diskGib,
      giveDisk: async (disk, uid) => {
        for (const layer of chain) await linkOrCopy(join(diskFolder, layer), join(disk, layer));
        await context.overlays.create(join(disk, nextLayer(chain)), diskGib * GIB, uid);
      },
    },
  );
}

/** The one that its image came with, whose modules are on its disk; when the cache has it no more, that of the base image. */
async function kernelOf({ cache, image }: Parts<"cache" | "image">, digest: string): Promise<Image> {
  if (digest === image.digest) return image;
  const folder = join(cache.folder, "images", digest);
  try {
    await cache.use(folder);
    return await loadImage(folder);
  } catch (error) {
    if (error instanceof FastvmError || isErrno(error, "ENOENT")) return image;
    throw error;
  }
}

async function bringUp(context: BootContext, slot: Slot, request: BootVmRequest): Promise<Vm> {
  const { identity, ttl, signal } = request;
  const { vmId, diskGib } = request.record;
  const vm = new Vm(request.folder, recordOf(context, slot, request), request.transitions);
  const connected = connect(context, slot, vm);
  return await orDisconnected(connected, async () => {
    await vm.update({});
    await attachDisk(slot.qemu.qmp, vm.record.chain, diskOptions(vm.record));
    await step("boot.disk-attached");
    await slot.qemu.qmp.execute("cont");
    await step("boot.continued");
    const link = await answer(context, slot, vm, signal);
    await step("boot.linked");
    const guest = { qemu: slot.qemu, link };
    const introduction = { vmId, life: "booted", identity, ttl, diskGib, signal } as const;
    const booted = await introduce(context, vm, guest, connected, { manifest: { diskGib } }, introduction);
    // It runs, whatever its services do.
    await untilServicesRun(link).catch(context.onError);
    await step("boot.settled");
    return booted;
  });
}

function recordOf(
  context: BootContext,
  slot: Slot,
  { record, identity, policy, generation, durability }: BootVmRequest,
): VmRecord {
  const { reason: _over, hasDisk: _used, restarts: _done, cause: _gone, ...rest } = record;
  const { compatibility } = context;
  return {
    ...rest,
    phase: "starting",
    identity,
    policy,
    durability,
    generation,
    uid: slot.uid,
    slot: slot.name,
    ...(slot.network && {
      network: { index: slot.network.index },
      publicIpv6: record.publicIpv6 ?? slot.network.publicIpv6,
    }),
    linkGeneration: randomBytes(LINK_GENERATION_BYTES).toString("hex"),
    chain: [...record.chain, nextLayer(record.chain)],
    compatibility: { ...compatibility(record.machine), qemu: slot.runs },
    process: slot.qemu.identity,
  };
}

async function answer(
  context: Parts<"forward">,
  { qemu }: Slot,
  vm: Vm,
  signal: AbortSignal | undefined,
): Promise<GuestLink> {
  try {
    return await openLink(vm, context.forward, { deadlineMs: BOOT_DEADLINE_MS, signal });
  } catch (error) {
    signal?.throwIfAborted();
    const words = (await qemu.drainConsole().catch(() => "")).toString().trim().slice(-LAST_WORDS_CHARS);
    const said = words === "" ? "" : `; its console ends with: ${words}`;
    throw new FastvmError("launch_failed", `its disk does not boot${said}`, { cause: error });
  }
}

async function untilServicesRun(link: GuestLink): Promise<void> {
  const spec = { command: ["sh", "-c", BOOTED], timeoutMs: SETTLE_MS };
  for await (const event of startExec(link, spec, NO_SETTING)) void event;
}
