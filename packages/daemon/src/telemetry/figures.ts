/**
 * What is counted as it happens: how long work took, and what requests were answered. Each label has few values: operations of the APIs'
 * tables and of the worker, statuses of HTTP. Nothing a client chooses is one.
 */
import { arch } from "node:os";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";
import type { AnsweredRequest } from "@fastvm/control-plane";
import type { TimedWork } from "./timed-worker.ts";

/** From a launch out of the pool to a boot under emulation, in seconds. */
const WORK_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
/** From a list to what waits for a guest. */
const REQUEST_BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];
/** The default of 10 ms would wake an idle daemon a hundred times a second. */
const LOOP_LAG_EVERY_MS = 100;

export class Figures {
  readonly #registry = new Registry();
  readonly #work: Histogram<"operation" | "outcome">;
  readonly #requests: Counter<"api" | "operation" | "status">;
  readonly #latency: Histogram<"api" | "operation">;

  constructor(version: string) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: LOOP_LAG_EVERY_MS });
    new Gauge({
      name: "fastvm_build_info",
      help: "1; its labels say which build runs",
      labelNames: ["version", "node", "arch"],
      registers,
    }).set({ version, node: process.versions.node, arch: arch() }, 1);
    this.#work = new Histogram({
      name: "fastvm_operation_seconds",
      help: "How long the worker took for what it was asked, by how that ended; exec: to the command's end",
      labelNames: ["operation", "outcome"],
      buckets: WORK_BUCKETS,
      registers,
    });
    this.#requests = new Counter({
      name: "fastvm_api_requests_total",
      help: "Answers of the APIs, by operation and status; other: of no operation",
      labelNames: ["api", "operation", "status"],
      registers,
    });
    this.#latency = new Histogram({
      name: "fastvm_api_request_seconds",
      help: "From a request's headers to its answer's end",
      labelNames: ["api", "operation"],
      buckets: REQUEST_BUCKETS,
      registers,
    });
  }

  worked({ operation, outcome, seconds }: TimedWork): void {
    this.#work.observe({ operation, outcome }, seconds);
  }

  answered({ api, operation, status, seconds }: AnsweredRequest): void {
    this.#requests.inc({ api, operation, status: String(status) });
    this.#latency.observe({ api, operation }, seconds);
  }

  read(): Promise<string> {
    return this.#registry.metrics();
  }
}
