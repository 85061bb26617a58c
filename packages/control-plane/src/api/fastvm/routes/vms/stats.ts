/** GET /v1/vms/{vmId}/stats: what a VM uses now. */
import type { VmStats } from "@fastvm/contract";
import type { VmFigures } from "../../../../engine/engine.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export function registerVmStats({ routes, engine }: FastvmScope): void {
  routes.serve("getVmStats", async ({ params }, caller) => {
    return { status: 200, body: statsView(await engine.vms.figures(caller, params.vmId)) };
  });
}

function statsView({ vm, usage, network }: VmFigures): VmStats {
  const process = usage?.process;
  return {
    status: vm.status,
    uptimeMs: process?.uptimeMs ?? 0,
    cpuSeconds: process?.cpuSeconds ?? 0,
    cpuPercent: process?.cpuPercent ?? 0,
    memoryMiB: {
      limit: vm.memoryMib,
      resident: tenths((process?.residentBytes ?? 0) / MIB),
      own: tenths((process?.ownBytes ?? 0) / MIB),
    },
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
