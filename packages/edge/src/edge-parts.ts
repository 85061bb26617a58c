/** What every request through the proxy needs. */
import type { ServiceDirectory } from "@fastvm/contract";
import type { ReachParts } from "./backend/reach-service.ts";
import type { MetricsRecorder } from "./metrics/edge-metrics.ts";

export interface EdgeLog {
  error(fields: object, message: string): void;
}

export interface EdgeParts extends ReachParts {
  readonly directory: ServiceDirectory;
  /** Services are at `*.proxy.<domain>`. */
  readonly domain: string;
  /** Whether they are by path too. */
  readonly pathUrls: boolean;
  readonly metrics: MetricsRecorder;
  readonly log: EdgeLog;
}
