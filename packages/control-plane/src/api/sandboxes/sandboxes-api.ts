/** The API of sandboxes: at `/v1/sandboxes…`, and whole under its base path. */
import { SANDBOX_OPERATIONS } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import type { Engine } from "../../engine/engine.ts";
import type { ApiDialect } from "../shared/api-dialect.ts";
import { OperationRoutes } from "../shared/operation-route.ts";
import { serveAgentSockets } from "./agent/agent-socket.ts";
import { renderError } from "./errors.ts";
import { CommandLogs } from "./logs/command-logs.ts";
import { MetricSamples } from "./metrics/metric-samples.ts";
import { registerRoutes } from "./routes/register-routes.ts";
import { SANDBOXES, type SandboxesApiOptions } from "./sandboxes-scope.ts";

export function sandboxesApi(options: SandboxesApiOptions): ApiDialect {
  const logs = new CommandLogs();
  const addRoutes = (scope: FastifyInstance, engine: Engine, samples: MetricSamples): void => {
    const routes = new OperationRoutes({
      scope,
      keys: engine.keys,
      dialect: SANDBOXES,
      operations: SANDBOX_OPERATIONS,
      notice: () => ({}),
    });
    registerRoutes({ ...options, scope, engine, logs, samples, routes });
  };
  return {
    ...SANDBOXES,
    operations: SANDBOX_OPERATIONS,
    renderError,
    register: (scope, engine) => {
      const samples = new MetricSamples(engine.vms);
      scope.addHook("onClose", async () => samples.close());
      addRoutes(scope, engine, samples);
      serveAgentSockets({ ...options, scope, engine, logs, samples });
      void scope.register(async (under) => addRoutes(under, engine, samples), { prefix: SANDBOXES.basePath });
    },
  };
}
