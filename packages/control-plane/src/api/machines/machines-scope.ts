/** What the routes of the API of machines are made of. */
import type { MACHINE_OPERATIONS } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../../clock.ts";
import type { ControlPlaneConfig } from "../../config.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Log } from "../../log.ts";
import type { OperationRoutes } from "../shared/operation-route.ts";
import { presentedKey } from "./presented-key.ts";

/** Whose keys are asked for, and where it is reached whole, whatever the key. */
export const MACHINES = { name: "nullspace", presentedKey, basePath: "/nullspace" } as const;

export interface MachinesApiOptions {
  readonly config: ControlPlaneConfig;
  readonly clock: Clock;
  readonly log: Log;
}

export interface MachinesScope extends MachinesApiOptions {
  readonly scope: FastifyInstance;
  readonly engine: Engine;
  readonly routes: OperationRoutes<typeof MACHINE_OPERATIONS, object>;
}
