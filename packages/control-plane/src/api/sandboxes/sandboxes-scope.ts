/** What the routes of the API of sandboxes are made of. */
import type { SANDBOX_OPERATIONS } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../../clock.ts";
import type { ControlPlaneConfig } from "../../config.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Log } from "../../log.ts";
import type { OperationRoutes } from "../shared/operation-route.ts";
import type { CommandLogs } from "./logs/command-logs.ts";
import type { MetricSamples } from "./metrics/metric-samples.ts";
import { presentedKey } from "./presented-key.ts";

/** Whose keys are asked for, and where it is reached whole, whatever the key. */
export const SANDBOXES = { name: "microsandbox", presentedKey, basePath: "/microsandbox" } as const;

export interface SandboxesApiOptions {
  readonly config: ControlPlaneConfig;
  readonly clock: Clock;
  readonly log: Log;
  /** Where what commands print is kept; absent: in memory, for as long as this process lives. */
  readonly logFolder?: string | undefined;
}

export interface SandboxesScope extends SandboxesApiOptions {
  readonly scope: FastifyInstance;
  readonly engine: Engine;
  readonly logs: CommandLogs;
  readonly samples: MetricSamples;
  readonly routes: OperationRoutes<typeof SANDBOX_OPERATIONS, object>;
}
