/** Resume: a paused VM runs again, under its own id, as a new life of the guest link. */
import { performance } from "node:perf_hooks";
import { FastvmError, step } from "@fastvm/contract";
import type { LaunchResult, NetworkPolicy, ResumeOptions } from "@fastvm/contract";
import { eachInTurn } from "../../concurrency/each-in-turn.ts";
import { openSnapshot } from "../../snapshot/folder.ts";
import { removeWhole } from "../../snapshot/partial-folder.ts";
import { readLogs, writeLogs } from "../state/console-log.ts";
import { publicAddress } from "../state/holdings.ts";
import { restore } from "../restore/restore.ts";
import type { RestoreContext } from "../restore/restore.ts";
import { settleSuccessor } from "../state/durability.ts";
import type { Vm } from "../state/vm.ts";
import { pausedFolder, vmFolder } from "../state/worker-context.ts";
import type { Parts } from "../state/worker-context.ts";

/** For a VM of a daemon that knew no policies, until the control plane says which. */
const CLOSED: NetworkPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "deny", rules: [] },
  dns: { mode: "allow", domains: [], blockBypass: false },
};

/** Aborted, it leaves the paused state as it was. */
export async function resume(
  context: RestoreContext & Parts<"admission" | "config" | "vms">,
  vm: Vm,
  options: ResumeOptions,
  signal?: AbortSignal,
): Promise<LaunchResult> {
  const startedAt = performance.now();
  if (vm.record.phase === "running") return { durationMs: 0, fromPool: false, ...publicAddress(context, vm) };
  if (vm.record.phase !== "paused") {
    throw new FastvmError("vm_wrong_state", `VM ${vm.vmId} is ${vm.record.phase}, not paused`);
  }
  using _room = await context.admission.admit();
  await step("resume.begun");
  const folder = pausedFolder(context.config, vm.vmId);
  const snapshot = await openSnapshot(folder);
  if (snapshot === undefined) throw new FastvmError("launch_failed", "the paused state is missing");
  const { vm: revived, fromPool } = await restore(context, snapshot, {
    vmId: vm.vmId,
    life: "next",
    identity: options.identity ?? vm.record.identity,
    ttl: options.ttl,
    policy: options.network ?? vm.record.policy ?? CLOSED,
    // Never back, also when the order comes from records that were restored from a copy.
    generation: Math.max(options.generation ?? 0, vm.record.generation + 1),
    publicIpv6: vm.record.publicIpv6,
    volumes: options.volumes ?? snapshot.manifest.volumes,
    durability: options.durability ?? vm.record.durability,
    diskGib: vm.record.diskGib,
    folder: vmFolder(context.config, vm.vmId),
    transitions: vm.transitions,
    signal,
  });
  context.vms.set(vm.vmId, revived);
  await leavePausedState(context, folder, revived);
  return { durationMs: performance.now() - startedAt, fromPool, ...publicAddress(context, revived) };
}

/** The VM runs, and stops for nothing of this: neither a lost line nor a folder that stays, which the next start removes. */
async function leavePausedState(context: Parts<"onError">, folder: string, revived: Vm): Promise<void> {
  await eachInTurn(
    // Before anybody else's turn: who finds the VM by now reads, and keeps, what comes after.
    () =>
      revived.logs.run(async () => {
        await step("resume.restored");
        await writeLogs(revived.folder, await readLogs(folder));
        await step("resume.logs-kept");
      }),
    async () => {
      await settleSuccessor(revived);
      // Whoever is told that it goes on does not find it where it was, after whatever it has done since.
      await removeWhole(folder);
      await step("resume.state-removed");
    },
  ).catch(context.onError);
}
