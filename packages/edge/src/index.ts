/** What the daemon takes of this package. */
export { createEdge } from "./edge.ts";
export type { Edge } from "./edge.ts";
export type { EdgeMetrics } from "./metrics/edge-metrics.ts";
