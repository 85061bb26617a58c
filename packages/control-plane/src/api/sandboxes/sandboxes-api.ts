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

/** What other APIs delete leaves a log, until then. */
const SWEEP_EVERY_MS = 600_000;

export function sandboxesApi(options: SandboxesApiOptions): ApiDialect {
  const { config, log, logFolder } = options;
  const onError = (error: unknown): void =>
    log.warn({ err: error }, "what commands of a sandbox printed could not be kept");
  const { freeBytesFloor } = config.staging;
  const logs = new CommandLogs({ folder: logFolder, onError, freeBytesFloor });
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
      const sweep = (): Promise<void> => logs.sweep((ids) => engine.sandboxes.existing(ids)).catch(onError);
      let sweeping: NodeJS.Timeout | undefined;
      scope.addHook("onReady", async () => {
        await sweep();
        sweeping = setInterval(() => void sweep(), SWEEP_EVERY_MS).unref();
      });
      scope.addHook("onClose", async () => {
        clearInterval(sweeping);
        samples.close();
      });
      addRoutes(scope, engine, samples);
      serveAgentSockets({ ...options, scope, engine, logs, samples });
      void scope.register(async (under) => addRoutes(under, engine, samples), { prefix: SANDBOXES.basePath });
    },
  };
}
