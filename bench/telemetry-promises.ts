/** What is promised of being watched. */
import { times, type Promised } from "./promised.ts";

const READ_MS = 50;

export const TELEMETRY_PROMISES: readonly Promised[] = [
  {
    figure: "exec of `true`, each request traced and the metrics read each second, p50 (floor: unwatched)",
    bound: "≤ 1.15 × unwatched",
    measure: "telemetry",
    unit: "ms",
    measured: "watched_exec_ms_p50",
    floor: "unwatched_exec_ms_p50",
    limit: times(1.15, "unwatched_exec_ms_p50"),
    cost: "two spans are begun, ended and written as JSON; the collector of the bench reads them on the same processors",
  },
  {
    figure: "`/metrics`, read at root's socket meanwhile, p50",
    bound: `≤ ${READ_MS} ms`,
    measure: "telemetry",
    unit: "ms",
    measured: "metrics_read_ms_p50",
    limit: () => READ_MS,
    cost: "two small programs ask the kernel for all VMs' counters, and some hundred lines are written",
  },
  {
    figure: "the daemon after that work (floor: unwatched)",
    bound: "≤ 1.25 × unwatched",
    measure: "telemetry",
    unit: "MiB",
    measured: "watched_daemon_mib",
    floor: "unwatched_daemon_mib",
    limit: times(1.25, "unwatched_daemon_mib"),
    cost: "the code that sends spans, which only a daemon with an endpoint loads, and those that wait",
  },
];
