/** Start: a VM at rest boots its disk, under its own id, as a new life. What it writes goes into a layer of its own until it runs. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { FastvmError, step } from "@fastvm/contract";
import type { LaunchResult, NetworkPolicy, StartOptions } from "@fastvm/contract";
import { eachInTurn } from "../../concurrency/each-in-turn.ts";
import { DISK_FOLDER } from "../../disk/chain.ts";
import { writeJournal } from "../../journal/journal.ts";
import type { BuildVmContext } from "../../image-build/build-vm.ts";
import { checkDisk } from "./check-disk.ts";
import { readLogs, writeLogs } from "../state/console-log.ts";
import { isAtRest } from "../state/folder-of.ts";
import { publicAddress } from "../state/holdings.ts";
import { bootVm } from "../restore/boot-vm.ts";
import type { BootContext } from "../restore/boot-vm.ts";
import { settleSuccessor } from "../state/durability.ts";
import type { Vm } from "../state/vm.ts";
import { stoppedFolder, vmFolder } from "../state/worker-context.ts";
import type { Parts } from "../state/worker-context.ts";

/** For a VM of a daemon that knew no policies, until the control plane says which. */
const CLOSED: NetworkPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "deny", rules: [] },
  dns: { mode: "allow", domains: [], blockBypass: false },
};

/** Aborted or failed, it leaves the VM at rest as it was, whatever its guest had written meanwhile. */
export async function start(
  context: BootContext & BuildVmContext & Parts<"vms">,
  vm: Vm,
  options: StartOptions,
  signal?: AbortSignal,
): Promise<LaunchResult> {
  const startedAt = performance.now();
  const { vmId } = vm;
  if (vm.record.phase === "running") return { durationMs: 0, fromPool: false, ...publicAddress(context, vm) };
  assertStartable(vm);
  using _room = await context.admission.admit();
  await step("start.begun");
  const rest = stoppedFolder(context.config, vmId);
  if (vm.record.phase === "error") await takeForStopped(vm, rest);
  if (vm.record.unchecked === true) await settleUnchecked(context, vm, rest, options, signal);
  await step("start.checked");
  const { record } = vm;
  const booted = await bootVm(context, {
    record,
    diskFolder: join(rest, DISK_FOLDER),
    identity: options.identity ?? record.identity,
    ttl: options.ttl,
    durability: options.durability ?? record.durability ?? "relaxed",
    policy: options.network ?? record.policy ?? CLOSED,
    // Never back, also when the order comes from records that were restored from a copy.
    generation: Math.max(options.generation ?? 0, record.generation + 1),
    folder: vmFolder(context.config, vmId),
    transitions: vm.transitions,
    signal,
  });
  context.vms.set(vmId, booted);
  await leaveRest(context, rest, booted);
  return { durationMs: performance.now() - startedAt, fromPool: false, ...publicAddress(context, booted) };
}

function assertStartable({ vmId, record }: Vm): void {
  if (isAtRest(record)) return;
  const why = record.phase === "error" ? "its disk is gone" : `it is ${record.phase}, not stopped`;
  throw new FastvmError("vm_wrong_state", `VM ${vmId} cannot be started: ${why}`);
}

/** Whoever starts it knows how it ended: when that fails it is stopped like any other. */
async function takeForStopped(vm: Vm, rest: string): Promise<void> {
  const { hasDisk: _known, ...record } = vm.record;
  const stopped = { ...record, phase: "stopped" } as const;
  await writeJournal(rest, stopped);
  vm.become(stopped);
}

/** Who forces it knows what may be wrong with it. */
async function settleUnchecked(
  context: BuildVmContext,
  vm: Vm,
  rest: string,
  { force = false }: StartOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!force) await checkDisk(context, vm.record, join(rest, DISK_FOLDER), signal);
  const { unchecked: _passed, ...record } = vm.record;
  await writeJournal(rest, record);
  vm.become(record);
}

/** The VM runs, and stops for nothing of this: neither a lost line nor a folder that stays, which the next start removes. */
async function leaveRest(context: Parts<"onError">, rest: string, booted: Vm): Promise<void> {
  await eachInTurn(
    // Before anybody else's turn: who finds the VM by now reads, and keeps, what comes after.
    () =>
      booted.logs.run(async () => {
        await step("start.booted");
        // What its QEMU printed is of another.
        await writeLogs(booted.folder, { ...(await readLogs(rest)), hypervisor: Buffer.alloc(0) });
        await step("start.logs-kept");
      }),
    async () => {
      await settleSuccessor(booted);
      await rm(rest, { recursive: true, force: true });
      await step("start.rest-removed");
    },
  ).catch(context.onError);
}
