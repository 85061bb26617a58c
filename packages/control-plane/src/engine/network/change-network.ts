/**
 * A VM's network as its worker enforces it. A change is in force before it is told: in a running VM
 * first at the worker, then in the record, so that a worker which refuses leaves both as they were;
 * in a VM on its way between two states first in the record, and then its way's end is waited for.
 */
import { FastvmError, type NetworkPolicy, type NetworkReport, type VmId } from "@fastvm/contract";
import { tellInterception } from "../interception/tell-interception.ts";
import { networkPolicyOf, type NetworkRecord } from "./network-policy.ts";
import type { VmRecord } from "../../store/vm-repository.ts";
import type { Parts } from "../context.ts";
import { changeToldFirst } from "../owed/change-told-first.ts";
import type { WorkerPart } from "../owed/worker-part.ts";
import { isNotRunning } from "../states/not-running.ts";

export type ChangeNetworkContext = Parts<"inflight" | "log" | "sealing" | "store" | "updates" | "worker">;

/** A change of rules takes milliseconds; clients give up at 60 s. */
const APPLY_DEADLINE_MS = 10_000;

type NetworkChanges = Partial<NetworkRecord>;

export const NETWORK: WorkerPart = { kind: "network", tell: apply };

/** `change` is asked twice and throws when it must not be. */
export async function changeNetwork(
  ctx: ChangeNetworkContext,
  vmId: VmId,
  change: (vm: VmRecord) => NetworkChanges,
): Promise<VmRecord> {
  const steps = ["control.network.enforced", "control.network.recorded"] as const;
  const { before, after } = await ctx.updates.run(vmId, () =>
    changeToldFirst(ctx, vmId, { part: NETWORK, change, isSame: isSameNetwork, steps }),
  );
  const ranOn = before.status === "running" && after.status === "running";
  if (ranOn && before.pauseCount === after.pauseCount) return after;
  // Whoever starts it may have read the record before this change.
  await ctx.inflight.settled(vmId);
  return ctx.updates.run(vmId, () => confirm(ctx, before, after));
}

/** The policy of the record as it is now, for a VM that is about to run. */
export async function presentNetwork(ctx: Parts<"store">, vm: VmRecord): Promise<NetworkPolicy> {
  return networkPolicyOf((await ctx.store.vms.get(vm.id)) ?? vm);
}

/** What is in force, and what it has done, where the worker knows: both of one instant. */
export async function readNetwork(
  ctx: Parts<"store" | "updates" | "worker">,
  vmId: VmId,
): Promise<{ policy: NetworkPolicy; report: NetworkReport | undefined }> {
  return ctx.updates.run(vmId, async () => {
    const vm = await ctx.store.vms.get(vmId);
    if (vm === undefined) throw gone();
    const report = vm.status === "running" ? await reportOf(ctx, vmId) : undefined;
    return { policy: networkPolicyOf(vm), report };
  });
}

async function reportOf(ctx: Parts<"worker">, vmId: VmId): Promise<NetworkReport | undefined> {
  try {
    return await ctx.worker.networkReport(vmId);
  } catch (error) {
    if (isNotRunning(error)) return undefined;
    throw error;
  }
}

/** The VM that was on its way has arrived. If the worker refuses it the change now, the record takes it back. */
async function confirm(
  ctx: Parts<"sealing" | "store" | "worker">,
  before: VmRecord,
  after: VmRecord,
): Promise<VmRecord> {
  const owed = (await ctx.store.owed.of(after.id)).filter(({ kind }) => kind === "network");
  const now = await ctx.store.vms.get(after.id);
  if (now === undefined) throw gone();
  if (now.status !== "running") return now;
  try {
    await apply(ctx, now);
    for (const row of owed) await ctx.store.owed.settle(row);
    return now;
  } catch (error) {
    await ctx.store.transaction(async (records) => {
      const vm = await records.vms.lock(after.id);
      // Somebody else's later change stays.
      if (vm === undefined || !isSameNetwork(vm, after)) return;
      await records.vms.update(after.id, {
        network: before.network,
        services: before.services,
        interception: before.interception,
      });
    });
    throw error;
  }
}

async function apply(ctx: Parts<"sealing" | "store" | "worker">, vm: VmRecord): Promise<void> {
  const signal = AbortSignal.timeout(APPLY_DEADLINE_MS);
  try {
    await tellInterception(ctx, vm);
    await ctx.worker.setNetworkPolicy(vm.id, networkPolicyOf(vm), { signal });
  } catch (error) {
    if (isNotRunning(error)) return;
    if (error instanceof FastvmError && !signal.aborted) throw error;
    throw new FastvmError("network_failed", undefined, { cause: error });
  }
}

function isSameNetwork(one: NetworkRecord, other: NetworkRecord): boolean {
  const whole = (record: NetworkRecord): string =>
    JSON.stringify([networkPolicyOf(record), record.interception]);
  return whole(one) === whole(other);
}

function gone(): FastvmError {
  return new FastvmError("not_found", "the VM was deleted meanwhile");
}
