/** What is told of a daemon's work: figures always, spans where somebody takes them. */
import type { WorkerPort } from "@fastvm/contract";
import type { Logger } from "pino";
import type { TracesSettings } from "../traces-settings.ts";
import { Figures } from "./figures.ts";
import { timed } from "./timed-worker.ts";
import { traced } from "./traced-worker.ts";

interface Telemetry<W extends WorkerPort> {
  readonly figures: Figures;
  /** The same, whose work is told of. */
  readonly worker: W;
  end(): Promise<void>;
}

interface TelemetryOptions {
  readonly traces: TracesSettings | undefined;
  readonly version: string;
  readonly log: Logger;
}

export async function startTelemetry<W extends WorkerPort>(
  worker: W,
  { traces, version, log }: TelemetryOptions,
): Promise<Telemetry<W>> {
  const figures = new Figures(version);
  const tell = figures.worked.bind(figures);
  if (traces === undefined) return { figures, worker: timed(worker, tell), end: () => Promise.resolve() };
  // Only a daemon that sends spans loads what that takes.
  const { exportTraces } = await import("./export-traces.ts");
  log.info({ url: traces.url }, "spans are sent");
  return { figures, worker: timed(traced(worker), tell), end: exportTraces(traces, { version, log }) };
}
