export { PROXY_ERROR_HEADER } from "./answer/answer-error.ts";
export { createEdge } from "./edge.ts";
export type { Edge, EdgeOptions } from "./edge.ts";
export type { EdgeLog } from "./edge-parts.ts";
export { DEFAULT_LIMITS } from "./limits.ts";
export type { EdgeLimits } from "./limits.ts";
export { LATENCY_BUCKETS_MS } from "./metrics/edge-metrics.ts";
export type { EdgeMetrics } from "./metrics/edge-metrics.ts";
