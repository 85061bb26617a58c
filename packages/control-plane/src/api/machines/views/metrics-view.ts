/** Figures of a machine as the API shows them. */
import type { MetricsSample } from "@fastvm/contract";
import { cpuPercent, type Figures, type GuestProcess } from "../../../engine/engine.ts";
import { instantOf } from "./instant.ts";

export function metricsView(now: Figures, before?: Figures): MetricsSample {
  return {
    timestamp: instantOf(now.at),
    cpu_count: now.cpuCount,
    cpu_percent: cpuPercent(before, now),
    memory_used_bytes: now.memoryUsedBytes,
    memory_total_bytes: now.memoryTotalBytes,
    disk_used_bytes: now.disk?.usedBytes ?? null,
    disk_total_bytes: now.disk?.totalBytes ?? null,
  };
}

export function processView({ pid, parentPid, command, state, memoryBytes }: GuestProcess) {
  return { pid, parent_pid: parentPid, command, state, memory_bytes: memoryBytes };
}
