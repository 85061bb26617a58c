/**
 * VMs that stand by: restored from the template ahead of time, awake once, and stopped. A launch that
 * finds one only lets it go on and tells it who it is. Under emulation that saves more than the restore:
 * the guest's code for waking up, taking on an identity and starting a command has been translated.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { newVmId, step } from "@fastvm/contract";
import { handshakeFields } from "../../identity/handshake.ts";
import { NOBODY } from "../../identity/nobody.ts";
import { ReadyPool } from "../../pool/ready-pool.ts";
import { closeSlot, openSlot } from "../../pool/slot.ts";
import type { Slot, SlotHost } from "../../pool/slot.ts";
import { memoryMibOfSlot } from "../../pool/slot-memory.ts";
import { nothingMapped } from "../../memory/mapping.ts";
import { MEMORY_FILE } from "../../qemu/machine.ts";
import type { Accelerator } from "../../qemu/machine.ts";
import { STATE_FILE } from "../../snapshot/folder.ts";
import type { Snapshot } from "../../snapshot/folder.ts";
import { openMemory } from "../../snapshot/memory.ts";
import { setOf } from "../../snapshot/set-of.ts";
import { NO_SETTING, startExec } from "../../exec/start-exec.ts";
import type { Standby, StartedGuest } from "../state/standby-vm.ts";
import { Vm } from "../state/vm.ts";
import { initialRecord, startGuest } from "./start-guest.ts";
import type { StartContext } from "./start-guest.ts";

export interface StandbyPoolOptions {
  readonly host: SlotHost & StartContext;
  readonly accelerator: Accelerator;
  readonly folder: string;
  readonly size: number;
  readonly maxSize: number;
  readonly memoryMib: number;
  readonly onError: (error: unknown) => void;
}

const REHEARSAL_LIMIT_MS = 20_000;

export function openStandbyPool(options: StandbyPoolOptions): ReadyPool<Standby> {
  const { host, size, maxSize, memoryMib, onError } = options;
  return new ReadyPool<Standby>({
    size,
    maxSize,
    memoryMib,
    servesByFile: STATE_FILE,
    open: (template) => openStandby(options, template),
    close: (standby) => closeStandby(host, standby),
    ended: ({ slot }) => slot.qemu.qmp.closed,
    memoryMibOf: ({ slot }) => memoryMibOfSlot(slot),
    onError,
  });
}

async function openStandby(options: StandbyPoolOptions, template: Snapshot): Promise<Standby> {
  const { host, accelerator } = options;
  const { manifest } = template;
  const folder = join(options.folder, randomUUID());
  const slot = await openSlot(host, {
    folder,
    machine: { machine: manifest.machine, accelerator },
    diskGib: manifest.diskGib,
    memory: join(template.folder, MEMORY_FILE),
    pages: nothingMapped(manifest.machine.memoryMib),
    qemu: setOf(template),
    use: "spare",
  });
  try {
    return await standBy(host, slot, template);
  } catch (error) {
    await closeSlot(host, slot);
    throw error;
  }
}

/** In a slot that waits for the template's state. On failure the slot is still its opener's. */
export async function standBy(host: StartContext, slot: Slot, template: Snapshot): Promise<Standby> {
  const owner = { vmId: newVmId(), identity: NOBODY, diskGib: template.manifest.diskGib };
  const vm = new Vm(slot.folder, initialRecord(template, owner, slot));
  const guest = await startGuest(host, slot, await openMemory(template), vm);
  await step("standby.started");
  await rehearse(host, vm, guest);
  return { slot, vm, guest };
}

/** What every launch does, done once: an identity, a command. */
async function rehearse(host: StartContext, vm: Vm, guest: StartedGuest): Promise<void> {
  const forwardPort = host.forward?.port;
  await guest.link.identify(
    handshakeFields({
      vmId: vm.vmId,
      identity: NOBODY,
      trust: vm.record.trust,
      growRoot: false,
      forwardPort,
    }),
  );
  const command = startExec(
    guest.link,
    { command: ["sh", "-c", "true"], timeoutMs: REHEARSAL_LIMIT_MS },
    NO_SETTING,
  );
  for await (const event of command) void event;
  await step("standby.rehearsed");
  await guest.qemu.qmp.execute("stop");
  await step("standby.stopped");
}

async function closeStandby(host: SlotHost, standby: Standby): Promise<void> {
  standby.guest.link.close();
  await closeSlot(host, standby.slot);
}
