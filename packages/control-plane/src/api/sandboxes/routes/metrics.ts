/** GET /v1/sandboxes/{sandboxId}/metrics: samples as often as the specification says, or as the host takes them of every VM. */
import { FastvmError, type SandboxMetricsView, type SandboxSpec } from "@fastvm/contract";
import type { MetricSample } from "../metrics/metric-samples.ts";
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { specOf } from "../views/sandbox-view.ts";

const NS_PER_SEC = 1_000_000_000;
const MIB = 1024 ** 2;

/** `undefined`: as the host has it; 0: none are taken. */
export function sampleIntervalOf({ runtime }: SandboxSpec): number | undefined {
  const interval = runtime?.metrics_sample_interval_ms;
  return runtime?.disable_metrics_sample === true || interval === null ? 0 : interval;
}

export function registerSandboxMetrics({ routes, engine, samples }: SandboxesScope): void {
  routes.serve("getSandboxMetrics", async ({ params }, caller) => {
    const found = await engine.sandboxes.get(caller, params.sandboxId);
    const { sandbox, vm } = found;
    const intervalMs = sampleIntervalOf(specOf(found));
    if (intervalMs === 0) throw new FastvmError("not_supported", "its specification has no samples taken");
    if (vm === undefined) return { status: 200, body: { interval_ms: intervalMs ?? 0, samples: [] } };
    if (intervalMs !== undefined) samples.begin(caller, sandbox.id, intervalMs);
    const history = intervalMs === undefined ? await engine.vms.usageHistory(caller, vm.id) : undefined;
    const kept = (history?.samples ?? []).map((sample) => ({ ...sample, ...UNKNOWN }));
    const taken = [...kept, ...(await samples.of(caller, sandbox.id))];
    const limitBytes = vm.memoryMib * MIB;
    const body: SandboxMetricsView = {
      interval_ms: intervalMs ?? history?.everyMs ?? 0,
      samples: taken.map((sample) => viewOf(sample, limitBytes)),
    };
    return { status: 200, body };
  });
}

const UNKNOWN = { uptimeMs: null, receivedBytes: null, sentBytes: null };

function viewOf(sample: MetricSample, limitBytes: number): SandboxMetricsView["samples"][number] {
  return {
    timestamp: new Date(sample.atMs).toISOString(),
    cpu_percent: sample.cpuPercent,
    vcpu_time_ns: Math.round(sample.cpuSeconds * NS_PER_SEC),
    memory_bytes: sample.ownBytes,
    memory_host_resident_bytes: sample.residentBytes,
    memory_limit_bytes: limitBytes,
    uptime_ms: sample.uptimeMs,
    upper_host_allocated_bytes: sample.diskBytes,
    net_rx_bytes: sample.receivedBytes,
    net_tx_bytes: sample.sentBytes,
  };
}
