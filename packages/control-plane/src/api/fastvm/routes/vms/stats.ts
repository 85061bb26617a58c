import type { NetworkReport, VmStats, VmUsage } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serve } from "../../../shared/operation-route.ts";
import type { LifecycleContext } from "../../../../engine/context.ts";
import type { VmRecord } from "../../../../store/vm-repository.ts";
import { ofWorker } from "../../../../engine/vms/of-worker.ts";
import { findVm } from "../../../../engine/find.ts";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export function registerVmStats(app: FastifyInstance, ctx: LifecycleContext): void {
  serve(app, ctx.store, "getVmStats", async ({ params }, caller) => {
    const { id } = await findVm(ctx, caller, params.vmId);
    const [usage, network] = await Promise.all([
      ofWorker(() => ctx.worker.stats(id)),
      ofWorker(() => ctx.worker.networkReport(id)),
    ]);
    // Read afterwards: its status and what it uses belong together.
    return { status: 200, body: statsView(await findVm(ctx, caller, id), usage, network) };
  });
}

function statsView(vm: VmRecord, usage: VmUsage | undefined, network: NetworkReport | undefined): VmStats {
  const process = usage?.process;
  return {
    status: vm.status,
    uptimeMs: process?.uptimeMs ?? 0,
    cpuSeconds: process?.cpuSeconds ?? 0,
    cpuPercent: process?.cpuPercent ?? 0,
    memoryMiB: { limit: vm.memoryMib, resident: tenths((process?.residentBytes ?? 0) / MIB) },
    diskBytes: {
      limit: vm.diskGib * GIB,
      used: usage?.disk.usedBytes ?? 0,
      own: usage?.disk.ownBytes ?? 0,
    },
    ...(network === undefined ? {} : { network: { ...network.traffic, dropped: network.dropped } }),
  };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
