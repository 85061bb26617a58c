/**
 * A template: the image booted once on a machine type, left to settle, captured. The only place where a kernel boots. The VM it boots is an
 * ordinary one on an empty base memory, so that the capture is the ordinary one, too.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { chmod, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { newVmId, step } from "@fastvm/contract";
import type { MachineType } from "@fastvm/contract";
import { attachDisk, DISK_FOLDER, layerName } from "../disk/chain.ts";
import { makeClosedFolder } from "../files/closed-folder.ts";
import { linkOrCopy } from "../files/copy.ts";
import type { GuestLink } from "../guest-link/guest-link.ts";
import { handshakeFields } from "../identity/handshake.ts";
import { nothingMapped } from "../memory/mapping.ts";
import { closeSlot, freeSlot, makeSlotFolder, reserveSlot, startQemu } from "../pool/slot.ts";
import type { Slot, SlotHost } from "../pool/slot.ts";
import type { Accelerator } from "../qemu/machine.ts";
import type { QemuProcess } from "../qemu/qemu-process.ts";
import { identityOf } from "../qemu/qemu-set.ts";
import type { QemuSet } from "../qemu/qemu-set.ts";
import { publishSnapshot } from "../snapshot/folder.ts";
import type { Snapshot } from "../snapshot/folder.ts";
import type { Compatibility } from "../snapshot/manifest.ts";
import { meltPages } from "../snapshot/melt.ts";
import { capture } from "../vm/capture/capture.ts";
import type { CaptureContext } from "../vm/capture/capture.ts";
import type { Trust } from "../trust/trust.ts";
import { writeTrust } from "../trust/write-trust.ts";
import { NO_SETTING, startExec } from "../exec/start-exec.ts";
import { KeptLink } from "../guest-link/kept-link.ts";
import { openLink } from "../vm/guest/open-link.ts";
import { Vm } from "../vm/state/vm.ts";
import type { Image } from "../image/image.ts";
import { startServices } from "./start-services.ts";

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** The agent answers after 3 s under emulation; eight emulated vCPUs on two cores take many times that. */
const BOOT_DEADLINE_MS = 180_000;
const SETTLE_DEADLINE_MS = 180_000;
/** Enough for the end of a panic. */
const LAST_WORDS_CHARS = 2_000;
/** By the user of the QEMU that it is linked for; the folders above decide whom that is. */
const READABLE = 0o444;

/**
 * Waits for the services of an image that systemd runs in: until then they clear /tmp, among other things. Process 1 is
 * asked, which is in place before the agent answers: what it makes below /run comes later.
 */
const BOOTED_SCRIPT = `
case "$(readlink /proc/1/exe)" in
*/systemd) until case "$(systemctl is-system-running --wait 2>/dev/null)" in running|degraded) ;; *) false ;; esac; do sleep 0.2; done ;;
esac
`;

/**
 * Runs what commands usually need once, so that its pages are in every clone's memory, and writes out what the filesystem still holds back.
 */
const SETTLE_SCRIPT = `
for command in 'bash -lc true' 'python3 -c pass' 'curl --version' 'tar --version' 'gzip --version' 'git --version'; do
  $command >/dev/null 2>&1
done
sync
sleep 2
sync
`;

export interface TemplateHost extends SlotHost, CaptureContext {
  readonly accelerator: Accelerator;
  readonly image: Image;
  readonly tscKhz: number;
  readonly installedQemu: QemuSet;
  readonly compatibility: (machine: MachineType) => Compatibility;
  /** Written once, so that no launch has to. */
  readonly trust: Trust | undefined;
  /** For the VM that is booted; emptied when a daemon starts. */
  readonly workFolder: string;
}

/**
 * Takes about 20 s under emulation. `folder` becomes the template. Aborting the signal
 * ends the VM that boots, and with it all that waits for it.
 */
export async function makeTemplate(
  host: TemplateHost,
  machine: MachineType,
  folder: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  signal.throwIfAborted();
  const workFolder = join(host.workFolder, randomUUID());
  const slot = await boot(host, machine, workFolder);
  const giveUp = (): void => void slot.qemu.kill().catch(() => undefined);
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  try {
    const vm = await settle(host, machine, slot);
    return await publishSnapshot(
      folder,
      async (partial) => {
        await capture(host, vm, partial, { afterwards: "stay stopped", durability: "volatile" });
        await meltPages(host.copier.helper, partial);
      },
      "durable",
    );
  } finally {
    signal.removeEventListener("abort", giveUp);
    await closeSlot(host, slot);
  }
}

async function boot(host: TemplateHost, machine: MachineType, folder: string): Promise<Slot> {
  const holdings = await reserveSlot(host, folder);
  let qemu: QemuProcess | undefined;
  try {
    await step("template.begun");
    await makeBootFolder(host, machine, folder, holdings.uid);
    await step("template.folder-made");
    qemu = await startQemu(
      host,
      holdings,
      { machine: { machine, accelerator: host.accelerator }, diskGib: host.image.diskGib },
      { kernel: "kernel", initramfs: "initramfs", cmdline: kernelCommandLine(host) },
    );
    await step("template.started");
    return {
      ...holdings,
      diskGib: host.image.diskGib,
      qemu,
      runs: identityOf(host.installedQemu),
      mapped: nothingMapped(machine.memoryMib).map,
    };
  } catch (error) {
    await qemu?.kill();
    await freeSlot(host, holdings);
    throw error;
  }
}

/**
 * Under emulation without random addresses: QEMU keeps the code it has translated by address, and translates a program
 * anew for each process that has it elsewhere (2,300 blocks a process against 20; a command takes 13 ms in place of 30).
 * All clones of a snapshot have one layout anyway. A guest's owner who wants it back sets kernel.randomize_va_space.
 */
export function kernelCommandLine({
  image,
  accelerator,
  tscKhz,
}: Pick<TemplateHost, "image" | "accelerator" | "tscKhz">): string {
  const common = image.cmdline.replaceAll("@TSC_KHZ@", `${tscKhz}`);
  return accelerator === "tcg" ? `${common} norandmaps` : common;
}

/** Kernel and initramfs are linked in like everything else QEMU reads: it may look nowhere outside its folder. */
async function makeBootFolder(
  host: TemplateHost,
  machine: MachineType,
  folder: string,
  uid: number,
): Promise<void> {
  const { image } = host;
  const empty = `${folder}.memory`;
  await makeClosedFolder(host.workFolder);
  {
    await using file = await open(empty, "wx");
    await file.truncate(machine.memoryMib * MIB);
    await file.chmod(READABLE);
  }
  await makeSlotFolder(folder, uid, empty, nothingMapped(machine.memoryMib), host.installedQemu);
  await rm(empty);
  await giveImageFile(image.kernel, join(folder, "kernel"));
  await giveImageFile(image.initramfs, join(folder, "initramfs"));
  await giveImageFile(image.rootfs, join(folder, DISK_FOLDER, layerName(0)));
  await host.overlays.create(join(folder, DISK_FOLDER, layerName(1)), image.diskGib * GIB, uid);
}

/** An image that was built under a strict umask is to boot as well: QEMU is not root. */
async function giveImageFile(from: string, to: string): Promise<void> {
  await linkOrCopy(from, to);
  const { mode } = await stat(to);
  if ((mode & READABLE) !== READABLE) await chmod(to, mode | READABLE);
}

async function settle(host: TemplateHost, machine: MachineType, slot: Slot): Promise<Vm> {
  const vm = bootedVm(host, machine, slot);
  await attachDisk(slot.qemu.qmp, vm.record.chain);
  await slot.qemu.qmp.execute("cont");
  await step("template.continued");
  const link = await openLink(vm, undefined, { deadlineMs: BOOT_DEADLINE_MS }).catch(
    async (error: unknown) => {
      const console = (await slot.qemu.drainConsole().catch(() => "")).toString();
      throw new Error(`The image does not boot: ${console.slice(-LAST_WORDS_CHARS)}`, { cause: error });
    },
  );
  vm.setGuest({ qemu: slot.qemu, link: new KeptLink({ link }) });
  const { identity, commands } = vm.record;
  await link.identify(
    handshakeFields({ vmId: vm.vmId, identity, trust: undefined, growRoot: false, forwardPort: undefined }),
  );
  await runScript(link, BOOTED_SCRIPT);
  if (host.trust !== undefined) {
    const trust = await writeTrust(link, host.trust);
    vm.become({ ...vm.record, ...(trust !== undefined && { trust }) });
  }
  if (host.image.start !== undefined) await startServices(link, host.image.start, { env: {}, ...commands });
  await runScript(link, SETTLE_SCRIPT);
  await step("template.settled");
  return vm;
}

async function runScript(link: GuestLink, script: string): Promise<void> {
  const spec = { command: ["sh", "-c", script], timeoutMs: SETTLE_DEADLINE_MS };
  for await (const event of startExec(link, spec, NO_SETTING)) {
    if (event.kind === "exit" && event.timedOut) throw new Error("The image's services do not settle");
  }
}

function bootedVm(host: TemplateHost, machine: MachineType, slot: Slot): Vm {
  return new Vm(slot.folder, {
    vmId: newVmId(),
    phase: "running",
    machine,
    diskGib: host.image.diskGib,
    identity: { hostname: "fastvm", envVars: {}, authorizedKeys: [] },
    imageDigest: host.image.digest,
    ...(host.image.commands && { commands: host.image.commands }),
    uid: slot.uid,
    slot: slot.name,
    ...(slot.network && { network: { index: slot.network.index } }),
    linkGeneration: randomBytes(16).toString("hex"),
    generation: 1,
    chain: [layerName(0), layerName(1)],
    compatibility: host.compatibility(machine),
    process: slot.qemu.identity,
  });
}
