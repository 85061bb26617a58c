import type { VmId, VolumeId } from "@fastvm/contract";
import { expect, test } from "vitest";
import { renderMetrics } from "./metrics.ts";

const hits = (packets: number, bytes: number): { packets: number; bytes: number } => ({ packets, bytes });

test("all that is counted, in the format that Prometheus reads", async () => {
  const text = await renderMetrics({
    worker: {
      vms: { running: 2, paused: 1, stopped: 0, error: 0, starting: 0 },
      notShown: 3,
      usage: [
        {
          vmId: "a-vm" as VmId,
          sample: {
            atMs: 0,
            cpuPercent: 5,
            cpuSeconds: 1.5,
            residentBytes: 200,
            ownBytes: 100,
            diskBytes: 50,
          },
        },
      ],
      ready: { standby: 2, process: 1 },
      host: {
        processors: 2,
        busySeconds: 99,
        load: 0.5,
        memory: { totalBytes: 1000, availableBytes: 400 },
        disk: { totalBytes: 3000, freeBytes: 2000 },
      },
      traffic: [{ vmId: "a-vm" as VmId, sent: hits(3, 300), received: hits(5, 5000), dropped: hits(1, 60) }],
      volumes: [
        {
          vmId: "a-vm" as VmId,
          volumeId: "a-volume" as VolumeId,
          requests: { read: 2, write: 3, meta: 4, lock: 1 },
          errors: 1,
          bytesRead: 8192,
          bytesWritten: 4096,
          sumSec: 0.25,
          worstSec: 0.125,
        },
      ],
      names: {
        questions: { answered: 7, refused: 2, filtered: 1, limited: 0, failed: 0, malformed: 0 },
        lookup: { hits: 4, misses: 3, entries: 3, bytes: 900, inFlight: 0 },
        upstream: { buckets: [{ leSec: 0.01, count: 2 }], count: 3, sumSec: 0.5, failures: 1 },
      },
    },
    edge: {
      requests: { "2xx": 9, "5xx": 1 },
      proxyErrors: { vm_paused: 1 },
      latency: { counts: [1, 2, 3], bucketsMs: [1, 10], sumMs: 1500, count: 6 },
      openRequests: 4,
      openWebSockets: 1,
      openConnections: 5,
    } as never,
    queues: { waiting: { vms: 4, builds: 1, webhooks: 6 }, buildsRunning: 2, deadLetters: 7 },
    quarantined: { vm: 2, snapshot: 0 },
  });
  const lines = text.split("\n");
  for (const line of [
    'fastvm_vms{phase="running"} 2',
    'fastvm_quarantined{kind="vm"} 2',
    "fastvm_vms_not_shown 3",
    'fastvm_pool_ready{kind="standby"} 2',
    "fastvm_host_processors 2",
    "fastvm_host_cpu_seconds_total 99",
    "fastvm_host_load 0.5",
    'fastvm_host_memory_bytes{kind="available"} 400',
    'fastvm_host_disk_bytes{kind="free"} 2000',
    'fastvm_vm_cpu_seconds_total{vm="a-vm"} 1.5',
    'fastvm_vm_memory_bytes{vm="a-vm",kind="own"} 100',
    'fastvm_vm_disk_bytes{vm="a-vm"} 50',
    'fastvm_queue_waiting{queue="webhooks"} 6',
    "fastvm_builds_running 2",
    "fastvm_webhook_dead_letters 7",
    "# TYPE fastvm_vm_network_bytes_total counter",
    'fastvm_vm_network_bytes_total{vm="a-vm",direction="received"} 5000',
    'fastvm_vm_network_packets_total{vm="a-vm",direction="sent"} 3',
    'fastvm_vm_network_dropped_packets_total{vm="a-vm"} 1',
    'fastvm_volume_requests_total{volume="a-volume",vm="a-vm",kind="write"} 3',
    'fastvm_volume_errors_total{volume="a-volume",vm="a-vm"} 1',
    'fastvm_volume_bytes_total{volume="a-volume",vm="a-vm",direction="written"} 4096',
    'fastvm_volume_seconds_total{volume="a-volume",vm="a-vm"} 0.25',
    'fastvm_volume_worst_seconds{volume="a-volume",vm="a-vm"} 0.125',
    'fastvm_dns_questions_total{verdict="refused"} 2',
    'fastvm_dns_upstream_seconds_bucket{le="+Inf"} 3',
    'fastvm_proxy_requests_total{status="2xx"} 9',
    'fastvm_proxy_errors_total{code="vm_paused"} 1',
    "# TYPE fastvm_proxy_latency_seconds histogram",
    'fastvm_proxy_latency_seconds_bucket{le="0.001"} 1',
    'fastvm_proxy_latency_seconds_bucket{le="0.01"} 3',
    'fastvm_proxy_latency_seconds_bucket{le="+Inf"} 6',
    "fastvm_proxy_latency_seconds_sum 1.5",
    "fastvm_proxy_latency_seconds_count 6",
  ]) {
    expect(lines).toContain(line);
  }
});
