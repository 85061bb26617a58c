/**
 * After a daemon ended in whatever way: finds the VMs that ran on, finishes or undoes what was half done, and frees what nobody owns.
 * What is true of a VM is in its journal, in the folder of its paused state and in its QEMU; nothing is remembered anywhere else.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { VmId } from "@fastvm/contract";
import { closeEntries, makeClosedFolder } from "../files/closed-folder.ts";
import { removeAside } from "../files/durable.ts";
import { readJournal } from "../journal/journal.ts";
import { removePartials } from "../snapshot/partial-folder.ts";
import {
  forksFolder,
  pausedFolder,
  poolFolder,
  standbyFolder,
  templatingFolder,
  vmFolder,
} from "../vm/state/worker-context.ts";
import type { Parts } from "../vm/state/worker-context.ts";
import { networkOf } from "../vm/state/holdings.ts";
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
  context: AdoptContext & Parts<"config" | "forward" | "templates" | "vms" | "volumes">,
): Promise<void> {
  const { config } = context;
  for (const name of ["vms", "paused", "snapshots", "pool", "standby", "forks", "templating"]) {
    await makeClosedFolder(join(config.dataDir, name));
  }
  for (const name of ["paused", "snapshots"]) {
    await removePartials(join(config.dataDir, name), "all");
    await closeEntries(join(config.dataDir, name));
  }
  await context.templates.removeLeftovers();
  await recoverPaused(context);
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
  await context.volumes.recover();
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
    return vmNetwork === undefined || policy === undefined ? [] : [{ vmNetwork, policy }];
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

async function recoverPaused(context: Parts<"config" | "vms">): Promise<void> {
  for (const vmId of await readdir(join(context.config.dataDir, "paused"))) {
    const folder = pausedFolder(context.config, vmId as VmId);
    await removeAside(folder);
    const journal = await readJournal(folder);
    if (journal === undefined) await rm(folder, { recursive: true, force: true });
    else context.vms.set(journal.vmId, new Vm(vmFolder(context.config, journal.vmId), journal));
  }
}

async function recoverJournals(context: Parts<"config" | "vms">): Promise<readonly FoundVm[]> {
  const running: FoundVm[] = [];
  for (const name of await readdir(join(context.config.dataDir, "vms"))) {
    const vmId = name as VmId;
    const folder = vmFolder(context.config, vmId);
    await removeAside(folder);
    const journal = await readJournal(folder);
    // Without a journal, or half started: it never was anybody's VM. Its process, if there is one, is a stray.
    if (journal === undefined || journal.phase === "starting") {
      await killStrayProcesses(folder, new Set());
      await rm(folder, { recursive: true, force: true });
      continue;
    }
    const vm = new Vm(folder, journal);
    if (journal.phase === "running") running.push({ vm, paused: context.vms.get(vmId) });
    context.vms.set(vmId, vm);
  }
  return running;
}

async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}

async function removeStrayCgroups(context: Parts<"cgroups" | "vms">): Promise<void> {
  const owned = new Set(
    [...context.vms.values()].flatMap(({ record }) => [record.slot, record.volumeServer?.group]),
  );
  for (const name of await context.cgroups.list()) {
    if (owned.has(name)) continue;
    // Nobody can leave a group, whatever it does to how else it is found.
    for (const pid of await context.cgroups.processesOf(name)) await killIfThere(pid);
    await context.cgroups.remove(name);
  }
}
