/**
 * Sends spans as OTLP. The only module that needs the SDK of OpenTelemetry, and loaded where traces are wanted: it would be megabytes of
 * a daemon that sends none. A collector that is slow or away costs what is held here, and spans.
 */
import { context, diag, DiagLogLevel, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { setGlobalErrorHandler, W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import {
  detectResources,
  envDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
  serviceNameEnvDetector,
} from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TracerProvider,
  TraceIdRatioBasedSampler,
  type Sampler,
} from "@opentelemetry/sdk-trace";
import type { TracesSettings } from "../traces-settings.ts";

/** Some hundred bytes each: a MiB. What is more than this behind is dropped. */
const MAX_WAITING_SPANS = 2048;
const MAX_BATCH_SPANS = 512;
/** On their way: one, and at the end all that waited. */
const MAX_BATCHES = 1 + MAX_WAITING_SPANS / MAX_BATCH_SPANS;
const EVERY_MS = 2_000;
/** A daemon that ends sends what it has, but not at any price. */
const END_TIMEOUT_MS = 2_000;
/** One line for an outage of a minute, however many batches it takes along. */
const WARN_EVERY_MS = 60_000;

interface TracesLog {
  warn(fields: object, message: string): void;
}

interface ExportOptions {
  readonly version: string;
  readonly log: TracesLog;
  /** Default: two seconds. */
  readonly everyMs?: number;
}

/** From now on, and until what is answered is called. */
export function exportTraces(
  settings: TracesSettings,
  { version, log, everyMs = EVERY_MS }: ExportOptions,
): () => Promise<void> {
  const { url, timeoutMs } = settings;
  const provider = new TracerProvider({
    sampler: samplerOf(settings),
    resource: resourceOf(version),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ url, timeoutMillis: timeoutMs, concurrencyLimit: MAX_BATCHES }),
        maxQueueSize: MAX_WAITING_SPANS,
        maxExportBatchSize: MAX_BATCH_SPANS,
        scheduledDelayMillis: everyMs,
      }),
    ],
  });
  sayRarely(log);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return async () => {
    await endWithin(provider.shutdown(), END_TIMEOUT_MS);
    trace.disable();
    propagation.disable();
    context.disable();
    diag.disable();
  };
}

function samplerOf({ ratio, isParentBased }: TracesSettings): Sampler {
  const root = new TraceIdRatioBasedSampler(ratio);
  return isParentBased ? new ParentBasedSampler({ root }) : root;
}

function resourceOf(version: string) {
  const own = resourceFromAttributes({ "service.name": "fastvm", "service.version": version });
  const detectors = [serviceInstanceIdDetector, envDetector, serviceNameEnvDetector];
  return own.merge(detectResources({ detectors }));
}

function sayRarely(log: TracesLog): void {
  let saidAt = -Infinity;
  const say = (fields: object): void => {
    const now = performance.now();
    if (now - saidAt < WARN_EVERY_MS) return;
    saidAt = now;
    log.warn(fields, "spans could not be sent, and are lost");
  };
  setGlobalErrorHandler((err) => say({ err }));
  const words = (reason: string): void => say({ reason });
  const nothing = (): void => undefined;
  diag.setLogger(
    { error: words, warn: words, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN },
  );
}

async function endWithin(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
