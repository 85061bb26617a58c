/** GET /v1/vms/{vmId}/metrics: what a VM used in the last hour. */
import type { VmMetrics, VmSample } from "@fastvm/contract";
import { instantIn } from "../../events/event-query.ts";
import type { FastvmScope } from "../../fastvm-scope.ts";
import { timestamp } from "../../views/timestamp.ts";

/** Of a VM that its host does not have. */
const NOTHING = { everyMs: 0, samples: [] };

export function registerVmMetrics({ routes, engine }: FastvmScope): void {
  routes.serve("getVmMetrics", async ({ params, query }, caller) => {
    const since = instantIn(query, "since") ?? 0;
    const { everyMs, samples } = (await engine.vms.usageHistory(caller, params.vmId)) ?? NOTHING;
    const body: VmMetrics = {
      intervalMs: everyMs,
      samples: samples.filter(({ atMs }) => atMs >= since).map(sampleView),
    };
    return { status: 200, body };
  });
}

function sampleView(sample: VmSample): VmMetrics["samples"][number] {
  const { atMs, cpuPercent, cpuSeconds, residentBytes, ownBytes, diskBytes } = sample;
  return {
    at: timestamp(atMs),
    cpuPercent,
    cpuSeconds,
    memoryBytes: { resident: residentBytes, own: ownBytes },
    diskBytes,
  };
}
