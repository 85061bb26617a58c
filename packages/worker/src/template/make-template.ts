/**
 * A template: the image booted once on a machine type, left to settle, captured. The only place where a kernel boots. The VM it boots is an
 * ordinary one on an empty base memory, so that the capture is the ordinary one, too.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import { newVmId, step } from "@fastvm/contract";
import type { MachineType } from "@fastvm/contract";
import { bootSlot, giveImageFile } from "../boot/boot-slot.ts";
import type { BootHost } from "../boot/boot-slot.ts";
import { attachDisk, layerName } from "../disk/chain.ts";
import type { GuestLink } from "../guest-link/guest-link.ts";
import { handshakeFields } from "../identity/handshake.ts";
import { NOBODY } from "../identity/nobody.ts";
import { closeSlot } from "../pool/slot.ts";
import type { Slot } from "../pool/slot.ts";
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
import type { GuestForward } from "../vm/state/guest-forward.ts";
import { Vm } from "../vm/state/vm.ts";
import type { Image } from "../image/image.ts";
import { startServices } from "./start-services.ts";

const GIB = 1024 ** 3;
/** The agent answers after 3 s under emulation; eight emulated vCPUs on two cores take far more, one in an emulated host 80 s. */
const BOOT_DEADLINE_MS = 300_000;
const SETTLE_DEADLINE_MS = 180_000;
/** It takes six to ten times as long as the boot, wherever that is: in an emulation inside an emulation a quarter of an hour. */
const SETTLE_PER_BOOT = 30;
/** Enough for the end of a panic. */
const LAST_WORDS_CHARS = 2_000;

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
for command in 'bash -lc true' 'python3 -c pass' 'curl --version' 'tar --version' 'gzip --version' 'git --version' \\
  'env true' 'cat /dev/null' 'ls -l /' 'uname -a' 'id' 'date' 'sleep 0' 'mkdir -p /tmp' 'cp --version' 'mv --version' \\
  'rm --version' 'head --version' 'grep --version' 'sed --version' 'find --version' 'ps --version'; do
  $command >/dev/null 2>&1
done
sync
sleep 2
sync
`;

export interface TemplateHost extends BootHost, CaptureContext {
  readonly image: Image;
  readonly compatibility: (machine: MachineType) => Compatibility;
  /** Written once, so that no launch has to. */
  readonly trust: Trust | undefined;
  /** What clones listen at; one of another daemon closes it and listens at its own. */
  readonly forward: GuestForward | undefined;
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
  const { image, overlays } = host;
  return await bootSlot(host, {
    folder,
    workFolder: host.workFolder,
    machine,
    image,
    diskGib: image.diskGib,
    giveDisk: async (disk, uid) => {
      await giveImageFile(image.rootfs, join(disk, layerName(0)));
      await overlays.create(join(disk, layerName(1)), image.diskGib * GIB, uid);
    },
  });
}

async function settle(host: TemplateHost, machine: MachineType, slot: Slot): Promise<Vm> {
  const vm = bootedVm(host, machine, slot);
  await attachDisk(slot.qemu.qmp, vm.record.chain);
  await slot.qemu.qmp.execute("cont");
  await step("template.continued");
  const began = performance.now();
  const link = await openLink(vm, undefined, { deadlineMs: BOOT_DEADLINE_MS }).catch(
    async (error: unknown) => {
      const console = (await slot.qemu.drainConsole().catch(() => "")).toString();
      throw new Error(`The image does not boot: ${console.slice(-LAST_WORDS_CHARS)}`, { cause: error });
    },
  );
  const settleMs = Math.max(SETTLE_DEADLINE_MS, SETTLE_PER_BOOT * (performance.now() - began));
  vm.setGuest({ qemu: slot.qemu, link: new KeptLink({ link }) });
  const { identity, commands } = vm.record;
  await link.identify(
    handshakeFields({
      vmId: vm.vmId,
      identity,
      trust: undefined,
      growRoot: false,
      // What clones find listening is 8 ms of their handshake under emulation.
      forwardPort: host.forward?.port,
    }),
  );
  await runScript(link, BOOTED_SCRIPT, settleMs);
  if (host.trust !== undefined) {
    const trust = await writeTrust(link, host.trust);
    vm.become({ ...vm.record, ...(trust !== undefined && { trust }) });
  }
  if (host.image.start !== undefined) await startServices(link, host.image.start, { env: {}, ...commands });
  await runScript(link, SETTLE_SCRIPT, settleMs);
  await step("template.settled");
  return vm;
}

async function runScript(link: GuestLink, script: string, timeoutMs: number): Promise<void> {
  const spec = { command: ["sh", "-c", script], timeoutMs };
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
    identity: NOBODY,
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
