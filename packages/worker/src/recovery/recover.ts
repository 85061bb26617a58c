/**
 * After a daemon ended in whatever way: finds the VMs that ran on, finishes or undoes what was half done, and frees what nobody owns. What is
 * true of a VM is in its journal, in the folder of its paused state and in its QEMU; nothing is remembered anywhere else.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { VmId } from "@fastvm/contract";
import { readJournal } from "../journal/journal.ts";
import { PARTIAL_SUFFIX } from "../snapshot/folder.ts";
import {
  forksFolder,
  pausedFolder,
  poolFolder,
  standbyFolder,
  templatingFolder,
  vmFolder,
} from "../vm/worker-context.ts";
import type { WorkerContext } from "../vm/worker-context.ts";
import { networkOf } from "../vm/holdings.ts";
import { Vm } from "../vm/vm.ts";
import { adoptVm } from "./adopt.ts";
import { killStrayProcesses } from "./stray-processes.ts";

/** Fills `context.vms`. Called once, before anything else uses the data folder. */
export async function recover(context: WorkerContext): Promise<void> {
  const { config } = context;
  for (const name of ["vms", "paused", "snapshots", "pool", "standby", "forks", "templating"]) {
    await mkdir(join(config.dataDir, name), { recursive: true, mode: 0o711 });
  }
  for (const name of ["paused", "snapshots"]) await removePartials(join(config.dataDir, name));
  await recoverPaused(context);
  for (const vmId of await readdir(join(config.dataDir, "vms"))) await recoverVm(context, vmId as VmId);
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
  await removeStrayCgroups(context);
  await recoverNetwork(context);
}

/** Their rules held while no daemon was there; from here on they are ours to change. */
async function recoverNetwork(context: WorkerContext): Promise<void> {
  const guests = [...context.vms.values()].flatMap((vm) => {
    const slot = vm.record.phase === "running" ? networkOf(context, vm) : undefined;
    const { policy } = vm.record;
    return slot === undefined || policy === undefined ? [] : [{ slot, policy }];
  });
  await context.network?.adopt(guests);
}

async function recoverPaused(context: WorkerContext): Promise<void> {
  for (const vmId of await readdir(join(context.config.dataDir, "paused"))) {
    const folder = pausedFolder(context.config, vmId as VmId);
    const journal = await readJournal(folder);
    if (journal === undefined) await rm(folder, { recursive: true, force: true });
    else context.vms.set(journal.vmId, new Vm(vmFolder(context.config, journal.vmId), journal));
  }
}

async function recoverVm(context: WorkerContext, vmId: VmId): Promise<void> {
  const folder = vmFolder(context.config, vmId);
  const journal = await readJournal(folder);
  // Without a journal, or half started: it never was anybody's VM. Its process, if there is one, is a stray.
  if (journal === undefined || journal.phase === "starting") {
    await killStrayProcesses(folder, new Set());
    await rm(folder, { recursive: true, force: true });
    return;
  }
  const paused = context.vms.get(vmId);
  const vm = new Vm(folder, journal);
  context.vms.set(vmId, vm);
  if (journal.phase === "running") await adoptVm(context, vm, paused);
}

async function removePartials(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith(PARTIAL_SUFFIX)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
}

async function removeStrayCgroups(context: WorkerContext): Promise<void> {
  const owned = new Set([...context.vms.values()].map((vm) => vm.record.slot));
  for (const name of await context.cgroups.list()) {
    if (!owned.has(name)) await context.cgroups.remove(name);
  }
}
