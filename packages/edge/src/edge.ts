/**
 * The proxy into VMs: takes the requests that are for services and passes them on. It owns no socket of its own and nothing that outlives
 * a request; whoever listens hands it the requests that it claims.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ServiceDirectory, WorkerPort } from "@fastvm/contract";
import { isForServices } from "./address/find-service.ts";
import { idOf } from "./answer/request-id.ts";
import { ConnectionCounts } from "./backend/connection-counts.ts";
import { Wakes } from "./backend/wakes.ts";
import type { ClientRequest, ClientResponse } from "./client-request.ts";
import type { EdgeLog, EdgeParts } from "./edge-parts.ts";
import { exchange } from "./forward/exchange.ts";
import { openWebSocket } from "./forward/web-socket.ts";
import { DEFAULT_LIMITS, type EdgeLimits } from "./limits.ts";
import { MetricsRecorder, type EdgeMetrics } from "./metrics/edge-metrics.ts";

interface EdgeOptions {
  readonly worker: Pick<WorkerPort, "dial">;
  readonly directory: ServiceDirectory;
  /** Services are at `<name>--<VM's id as 32 digits>.proxy.<domain>`, and at `/proxy/<32 digits>/<name>/` of any host. */
  readonly domain: string;
  /** Whether services are at paths, too. Default: they are. */
  readonly pathUrls?: boolean;
  readonly log: EdgeLog;
  /** What differs from DEFAULT_LIMITS. */
  readonly limits?: Partial<EdgeLimits>;
}

export interface Edge {
  /** Whether a request is the proxy's, be it well formed or not. */
  claims(request: ClientRequest): boolean;
  /** Answers a request that it claims. */
  serve(request: ClientRequest, response: ClientResponse): void;
  /** Takes over the connection of a request to open a WebSocket, which it claims. */
  upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void;
  metrics(): EdgeMetrics;
}

export function createEdge({ worker, directory, domain, pathUrls = true, log, limits }: EdgeOptions): Edge {
  const merged = { ...DEFAULT_LIMITS, ...limits };
  const counts = new ConnectionCounts(merged);
  const metrics = new MetricsRecorder();
  const wakes = new Wakes(directory);
  const lowerCase = domain.toLowerCase();
  const parts: EdgeParts = {
    worker,
    directory,
    wakes,
    counts,
    metrics,
    log,
    limits: merged,
    domain: lowerCase,
    pathUrls,
  };
  /** No bug in one request may end the process, which serves all others. */
  const lastResort = (request: ClientRequest, connection: { destroy(): unknown }) => (error: unknown) => {
    log.error({ requestId: idOf(request), err: error }, "a request to a service failed through a bug");
    connection.destroy();
  };
  return {
    claims: (request) => isForServices(request, lowerCase),
    serve: (request, response) =>
      void exchange(parts, request, response).catch(lastResort(request, response)),
    upgrade: (request, connection, head) =>
      void openWebSocket(parts, request, connection, head).catch(lastResort(request, connection)),
    metrics: () => metrics.read(counts.open),
  };
}
