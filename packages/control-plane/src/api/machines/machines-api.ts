/** The API of machines: at `/v1/machines…`, and whole under its base path. */
import { MACHINE_OPERATIONS } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import type { Engine } from "../../engine/engine.ts";
import type { ApiDialect } from "../shared/api-dialect.ts";
import { OperationRoutes } from "../shared/operation-route.ts";
import { renderError } from "./errors.ts";
import { serveLifecycleSockets } from "./lifecycle/lifecycle-socket.ts";
import { MACHINES, type MachinesApiOptions } from "./machines-scope.ts";
import { serveMachineSocket } from "./sockets/machine-socket.ts";
import { serveMonitorSockets } from "./sockets/monitor-socket.ts";
import { serveVolumeSocket } from "./sockets/volume-socket.ts";
import { serveTransfers } from "./transfers/serve-transfers.ts";
import { webhookTeller } from "./webhooks/webhook-teller.ts";
import { registerRoutes } from "./routes/register-routes.ts";

export function machinesApi(options: MachinesApiOptions): ApiDialect {
  const addRoutes = (scope: FastifyInstance, engine: Engine): void => {
    const routes = new OperationRoutes({
      scope,
      keys: engine.keys,
      dialect: MACHINES,
      operations: MACHINE_OPERATIONS,
      notice: () => ({}),
    });
    registerRoutes({ ...options, scope, engine, routes });
  };
  return {
    ...MACHINES,
    operations: MACHINE_OPERATIONS,
    renderError,
    register: (scope, engine) => {
      addRoutes(scope, engine);
      engine.tellers.set(MACHINES.name, webhookTeller(engine));
      serveLifecycleSockets({ ...options, scope, engine });
      serveMachineSocket({ ...options, scope, engine });
      serveMonitorSockets({ ...options, scope, engine });
      serveVolumeSocket({ ...options, scope, engine });
      serveTransfers({ ...options, scope, engine });
      void scope.register(async (under) => addRoutes(under, engine), { prefix: MACHINES.basePath });
    },
  };
}
