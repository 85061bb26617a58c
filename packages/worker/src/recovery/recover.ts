/**
 * After a daemon ended in whatever way: finds the VMs that ran on, finishes or undoes what was half done, and frees what nobody owns.
 * What is true of a VM is in its journal, in the folder of its paused state and in its QEMU; nothing is remembered anywhere else.
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { PublishedPort, VmId } from "@fastvm/contract";
import { closeEntries, makeClosedFolder } from "../files/closed-folder.ts";
import { removeAside } from "../files/durable.ts";
import { isErrno } from "../files/errno.ts";
import { JOURNAL_FILE, readJournal } from "../journal/journal.ts";
import { removePartials } from "../snapshot/partial-folder.ts";
import {
  forksFolder,
  pausedFolder,
  poolFolder,
  standbyFolder,
  stoppedFolder,
  templatingFolder,
  vmFolder,
} from "../vm/state/worker-context.ts";
import type { Parts } from "../vm/state/worker-context.ts";
import { isAtRest } from "../vm/state/folder-of.ts";
import { dialPublished } from "../vm/guest/dial.ts";
import { networkOf } from "../vm/state/holdings.ts";
import { moveToRest } from "../vm/transitions/put-to-rest.ts";
import { Vm } from "../vm/state/vm.ts";
import { adoptVm, settleFound } from "./adopt.ts";
import type { FoundVm, AdoptContext } from "./adopt.ts";
import { killIfThere, killStrayProcesses } from "./stray-processes.ts";

/** QEMU answers in milliseconds; these many may keep silent without the others having to wait. */
const ADOPTED_AT_ONCE = 16;
/** Nearly always all are there by then, and nobody ever sees one that is not. */
const SETTLE_MS = 1_000;

/** Fills `context.vms`. Called once, before anything else uses the data folder. */
export async function recover(
  context: AdoptContext & Parts<"config" | "forward" | "templates" | "unreadable" | "vms" | "volumes">,
): Promise<void> {
  const { config } = context;
  for (const name of ["vms", "paused", "stopped", "snapshots", "pool", "standby", "forks", "templating"]) {
    await makeClosedFolder(join(config.dataDir, name));
  }
  for (const name of ["paused", "snapshots"]) {
    await removePartials(join(config.dataDir, name), "all");
    await closeEntries(join(config.dataDir, name));
  }
  await context.templates.tidy();
  await recoverPaused(context);
  await recoverStopped(context);
  const running = await recoverJournals(context);
  const owned = new Set([...context.vms.values()].map((vm) => vm.record.process?.pid));
  await killStrayProcesses(config.dataDir, owned);
  for (const folder of [
    poolFolder(config),
    standbyFolder(config),
    forksFolder(config),
    templatingFolder(config),
  ]) {
    await emptyFolder(folder);
  }
  await context.volumes.recover(running.map(({ vm }) => vm));
  await removeStrayCgroups(context);
  // Before their QEMUs and guests, who may let us wait: names are served again, and the rules are ours to change.
  await recoverNetwork(
    context,
    running.map(({ vm }) => vm),
  );
  const awaited: Vm[] = [];
  await forEachOf(running, ADOPTED_AT_ONCE, async (found) => {
    if (await settleFound(context, found)) awaited.push(found.vm);
  });
  const adopted = forEachOf(awaited, ADOPTED_AT_ONCE, (vm) => adoptVm(context, vm));
  await Promise.race([adopted, sleep(SETTLE_MS, undefined, { ref: false })]);
}

async function recoverNetwork(context: Parts<"network">, running: readonly Vm[]): Promise<void> {
  const connected = running.filter((vm) => vm.record.network !== undefined);
  if (context.network === undefined && connected.length > 0) {
    const ids = connected.map((vm) => vm.vmId).join(", ");
    throw new Error(
      `VMs run with a network, which --network none could not keep in bounds: ${ids}. Start with --network on`,
    );
  }
  const guests = connected.flatMap((vm) => {
    const vmNetwork = networkOf(context, vm);
    const { policy } = vm.record;
    return vmNetwork === undefined || policy === undefined
      ? []
      : [{ vmNetwork, policy, dial: (port: PublishedPort) => dialPublished(vm, port) }];
  });
  await context.network?.adopt(guests);
}

/** Some at a time, each worker taking the next when it is done. */
async function forEachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function recoverPaused(context: Parts<"config" | "unreadable" | "vms">): Promise<void> {
  for (const vmId of await readdir(join(context.config.dataDir, "paused"))) {
    const folder = pausedFolder(context.config, vmId as VmId);
    await removeAside(folder);
    const journal = await readJournal(folder);
    if (journal === undefined) await removeUnlessUnreadable(context, vmId as VmId, folder);
    else context.vms.set(journal.vmId, new Vm(vmFolder(context.config, journal.vmId), journal));
  }
}

/** Where the disk was put is what counts: what else was to be recorded may have found no room. */
async function recoverStopped(context: Parts<"config" | "unreadable" | "vms">): Promise<void> {
  for (const vmId of await readdir(join(context.config.dataDir, "stopped"))) {
    const folder = stoppedFolder(context.config, vmId as VmId);
    await removeAside(folder);
    const journal = await readJournal(folder);
    if (journal === undefined) {
      await removeUnlessUnreadable(context, vmId as VmId, folder);
      continue;
    }
    const record = isAtRest(journal) ? journal : { ...journal, phase: "stopped" as const };
    // A paused state may be what came after it, or what was before; the other of the two could not be removed.
    const paused = context.vms.get(journal.vmId);
    const older = paused !== undefined && paused.record.generation >= journal.generation ? folder : undefined;
    if (older === undefined)
      context.vms.set(journal.vmId, new Vm(vmFolder(context.config, journal.vmId), record));
    if (paused !== undefined)
      await rm(older ?? pausedFolder(context.config, journal.vmId), { recursive: true, force: true });
  }
}

/** A power cut has brought back a part of one that was deleted. Beside a journal that nobody can read may be all that there is of a VM. */
async function removeUnlessUnreadable(
  { unreadable }: Parts<"unreadable">,
  vmId: VmId,
  folder: string,
): Promise<void> {
  if (await isThere(join(folder, JOURNAL_FILE))) unreadable.add(vmId);
  else await rm(folder, { recursive: true, force: true });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    return false;
  }
}

async function recoverJournals(context: Parts<"config" | "unreadable" | "vms">): Promise<readonly FoundVm[]> {
  const running: FoundVm[] = [];
  for (const name of await readdir(join(context.config.dataDir, "vms"))) {
    const vmId = name as VmId;
    const folder = vmFolder(context.config, vmId);
    await removeAside(folder);
    const journal = await readJournal(folder);
    // Without a journal, or half started: it never was anybody's VM. Its process, if there is one, is a stray.
    if (journal === undefined || journal.phase === "starting") {
      await killStrayProcesses(folder, new Set());
      // What else there is of it is the VM, and goes on from there.
      if (journal === undefined && !context.vms.has(vmId))
        await removeUnlessUnreadable(context, vmId, folder);
      else await rm(folder, { recursive: true, force: true });
      continue;
    }
    const vm = new Vm(folder, journal);
    // Its end was cut short, before it had its place.
    if (isAtRest(journal)) await moveToRest(context.config, vm);
    if (journal.phase === "running") running.push({ vm, paused: pausedStateOf(context, vmId) });
    context.vms.set(vmId, vm);
  }
  return running;
}

function pausedStateOf({ vms }: Parts<"vms">, vmId: VmId): Vm | undefined {
  const found = vms.get(vmId);
  return found?.record.phase === "paused" ? found : undefined;
}

async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}

async function removeStrayCgroups(context: Parts<"cgroups" | "vms">): Promise<void> {
  // Of one that does not run another may have the name by now.
  const running = [...context.vms.values()].filter((vm) => vm.record.phase === "running");
  const owned = new Set(
    running.flatMap(({ record }) => [
      record.slot,
      record.volumeServer?.group,
      ...(record.buckets ?? []).map(({ name }) => name),
    ]),
  );
  for (const name of await context.cgroups.list()) {
    if (owned.has(name)) continue;
    // Nobody can leave a group, whatever it does to how else it is found.
    for (const pid of await context.cgroups.processesOf(name)) await killIfThere(pid);
    await context.cgroups.remove(name);
  }
}
