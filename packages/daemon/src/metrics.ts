/** The daemon's figures in the text format of Prometheus. They are counted where things happen; here they only get names. */
import { Registry } from "@prometheus-io/client";
import type { EdgeMetrics } from "@fastvm/edge";
import type { QueueFigures } from "@fastvm/control-plane";
import type { WorkerMetrics } from "@fastvm/worker";

interface MetricsSources {
  readonly worker: WorkerMetrics;
  readonly edge: EdgeMetrics | undefined;
  /** Absent while the records cannot be read. */
  readonly queues: QueueFigures | undefined;
  /** By kind; absent while the records cannot be read. */
  readonly quarantined: Readonly<Record<string, number>> | undefined;
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

export async function renderMetrics(sources: MetricsSources): Promise<string> {
  const registry = new Registry();
  addWorker(registry, sources.worker);
  addHost(registry, sources.worker);
  addUsage(registry, sources.worker);
  addVolumes(registry, sources.worker);
  if (sources.queues !== undefined) addQueues(registry, sources.queues);
  if (sources.worker.names !== undefined) addNames(registry, sources.worker.names);
  if (sources.quarantined !== undefined) {
    gauge(
      registry,
      "fastvm_quarantined",
      "VMs and snapshots that no record knows",
      Object.entries(sources.quarantined).map(([kind, count]) => [{ kind }, count]),
    );
  }
  if (sources.edge !== undefined) addEdge(registry, sources.edge);
  return await registry.metrics();
}

function addWorker(registry: Registry, { vms, traffic }: WorkerMetrics): void {
  gauge(
    registry,
    "fastvm_vms",
    "VMs of this host, by what they do",
    Object.entries(vms).map(([phase, count]) => [{ phase }, count]),
  );
  const directions = ["sent", "received"] as const;
  for (const unit of ["bytes", "packets"] as const) {
    counter(
      registry,
      `fastvm_vm_network_${unit}_total`,
      `What left the guest and what reached it since its present life began, in ${unit}`,
      traffic.flatMap((vm) =>
        directions.map((direction): Sample => [{ vm: vm.vmId, direction }, vm[direction][unit]]),
      ),
    );
  }
  counter(
    registry,
    "fastvm_vm_network_dropped_packets_total",
    "Packets from and to the guest that its policy stopped",
    traffic.map(({ vmId, dropped }) => [{ vm: vmId }, dropped.packets]),
  );
}

function addHost(registry: Registry, { host, ready, notShown }: WorkerMetrics): void {
  const one = (name: string, help: string, value: number) => gauge(registry, name, help, [[{}, value]]);
  one("fastvm_vms_not_shown", "VMs of this host whose own figures are left out here", notShown);
  gauge(
    registry,
    "fastvm_pool_ready",
    "What is ready for launches: VMs that stand by, and processes that wait",
    Object.entries(ready).map(([kind, count]) => [{ kind }, count]),
  );
  one("fastvm_host_processors", "Processors of the host", host.processors);
  counter(registry, "fastvm_host_cpu_seconds_total", "Time that all of them were busy, together", [
    [{}, host.busySeconds],
  ]);
  one("fastvm_host_load", "Processes that run or want to, over a minute", host.load);
  gauge(
    registry,
    "fastvm_host_memory_bytes",
    "Memory for the daemon and its VMs, and what of it is available",
    [
      [{ kind: "total" }, host.memory.totalBytes],
      [{ kind: "available" }, host.memory.availableBytes],
    ],
  );
  gauge(registry, "fastvm_host_disk_bytes", "The disk where VMs are, and what of it is free", [
    [{ kind: "total" }, host.disk.totalBytes],
    [{ kind: "free" }, host.disk.freeBytes],
  ]);
}

function addUsage(registry: Registry, { usage }: WorkerMetrics): void {
  counter(
    registry,
    "fastvm_vm_cpu_seconds_total",
    "Processor time that the VM's process has used in its present life",
    usage.map(({ vmId, sample }) => [{ vm: vmId }, sample.cpuSeconds]),
  );
  gauge(
    registry,
    "fastvm_vm_memory_bytes",
    "Memory of the VM's process: all of it, and what it does not share",
    usage.flatMap(({ vmId, sample }): Sample[] => [
      [{ vm: vmId, kind: "resident" }, sample.residentBytes],
      [{ vm: vmId, kind: "own" }, sample.ownBytes],
    ]),
  );
  gauge(
    registry,
    "fastvm_vm_disk_bytes",
    "What layers of the VM's disk take that nothing else shares",
    usage.map(({ vmId, sample }) => [{ vm: vmId }, sample.diskBytes]),
  );
}

function addQueues(registry: Registry, queues: QueueFigures): void {
  gauge(
    registry,
    "fastvm_queue_waiting",
    "What waits its turn: VMs for room, builds, events for webhooks",
    Object.entries(queues.waiting).map(([queue, count]) => [{ queue }, count]),
  );
  gauge(registry, "fastvm_builds_running", "Builds under way", [[{}, queues.buildsRunning]]);
  gauge(registry, "fastvm_webhook_dead_letters", "Events whose telling was given up, and that are kept", [
    [{}, queues.deadLetters],
  ]);
}

function addVolumes(registry: Registry, { volumes }: WorkerMetrics): void {
  const of = ({ vmId, volumeId }: (typeof volumes)[number]) => ({ volume: volumeId, vm: vmId });
  counter(
    registry,
    "fastvm_volume_requests_total",
    "What VMs asked of their volumes",
    volumes.flatMap((one) =>
      Object.entries(one.requests).map(([kind, count]): Sample => [{ ...of(one), kind }, count]),
    ),
  );
  counter(
    registry,
    "fastvm_volume_errors_total",
    "Requests that were answered by an error",
    volumes.map((one) => [of(one), one.errors]),
  );
  counter(
    registry,
    "fastvm_volume_bytes_total",
    "Bytes that VMs read and wrote",
    volumes.flatMap((one): Sample[] => [
      [{ ...of(one), direction: "read" }, one.bytesRead],
      [{ ...of(one), direction: "written" }, one.bytesWritten],
    ]),
  );
  counter(
    registry,
    "fastvm_volume_seconds_total",
    "Time that requests took in the server, together",
    volumes.map((one) => [of(one), one.sumSec]),
  );
  gauge(
    registry,
    "fastvm_volume_worst_seconds",
    "The longest that a request took in the server",
    volumes.map((one) => [of(one), one.worstSec]),
  );
}

function addNames(registry: Registry, names: NonNullable<WorkerMetrics["names"]>): void {
  counter(
    registry,
    "fastvm_dns_questions_total",
    "Questions of guests, by what became of them",
    Object.entries(names.questions).map(([verdict, count]) => [{ verdict }, count]),
  );
  counter(registry, "fastvm_dns_cache_hits_total", "Questions answered from the cache", [
    [{}, names.lookup.hits],
  ]);
  counter(registry, "fastvm_dns_upstream_failures_total", "Attempts without a usable answer", [
    [{}, names.upstream.failures],
  ]);
  histogram(registry, "fastvm_dns_upstream_seconds", "Time until an upstream answered", names.upstream);
}

function addEdge(registry: Registry, edge: EdgeMetrics): void {
  counter(
    registry,
    "fastvm_proxy_requests_total",
    "Requests to services, by class of their answer",
    Object.entries(edge.requests).map(([status, count]) => [{ status }, count]),
  );
  counter(
    registry,
    "fastvm_proxy_errors_total",
    "Answers of the proxy's own, by code",
    Object.entries(edge.proxyErrors).map(([code, count]) => [{ code }, count ?? 0]),
  );
  gauge(registry, "fastvm_proxy_open_requests", "Requests under way", [[{}, edge.openRequests]]);
  gauge(registry, "fastvm_proxy_open_connections", "Connections into VMs", [[{}, edge.openConnections]]);
  const { bucketsMs, counts, count, sumMs } = edge.latency;
  let below = 0;
  const buckets = bucketsMs.map((bound, at) => ({ leSec: bound / 1000, count: (below += counts[at] ?? 0) }));
  histogram(registry, "fastvm_proxy_latency_seconds", "From a request's headers to its answer's", {
    buckets,
    count,
    sumSec: sumMs / 1000,
  });
}

function counter(registry: Registry, name: string, help: string, samples: readonly Sample[]): void {
  register(registry, { name, help, type: "counter", values: samples.map(asValue) });
}

function gauge(registry: Registry, name: string, help: string, samples: readonly Sample[]): void {
  register(registry, { name, help, type: "gauge", values: samples.map(asValue) });
}

function histogram(
  registry: Registry,
  name: string,
  help: string,
  totals: {
    readonly buckets: readonly { readonly leSec: number; readonly count: number }[];
    readonly count: number;
    readonly sumSec: number;
  },
): void {
  const buckets = totals.buckets.map(({ leSec, count }) => ({
    labels: { le: String(leSec) },
    value: count,
    metricName: `${name}_bucket`,
  }));
  register(registry, {
    name,
    help,
    type: "histogram",
    values: [
      ...buckets,
      { labels: { le: "+Inf" }, value: totals.count, metricName: `${name}_bucket` },
      { labels: {}, value: totals.sumSec, metricName: `${name}_sum` },
      { labels: {}, value: totals.count, metricName: `${name}_count` },
    ],
  });
}

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly {
    readonly labels: Labels;
    readonly value: number;
    readonly metricName?: string;
  }[];
}

function asValue([labels, value]: Sample): Metric["values"][number] {
  return { labels, value };
}

/** The registry takes whatever can tell its values; its own metrics would want to count for themselves. */
function register(registry: Registry, metric: Metric): void {
  const source = { name: metric.name, get: () => metric };
  registry.registerMetric(source as unknown as Parameters<Registry["registerMetric"]>[0]);
}
