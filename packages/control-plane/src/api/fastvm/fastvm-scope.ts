/** What the routes of FastVM's own API are made of. */
import type { OPERATIONS } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../../clock.ts";
import type { ControlPlaneConfig } from "../../config.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Log } from "../../log.ts";
import type { MetricsSource } from "../../metrics-source.ts";
import type { OperationRoutes } from "../shared/operation-route.ts";
import type { Dialect } from "./firewall/render.ts";
import { presentedKey } from "./presented-key.ts";

/** Whose keys are asked for. */
export const FASTVM = { name: "fastvm", presentedKey } as const;

export interface FastvmApiOptions {
  readonly config: ControlPlaneConfig;
  readonly clock: Clock;
  readonly log: Log;
  /** Served at `/metrics` to whom it concerns. */
  readonly metrics: MetricsSource | undefined;
}

export interface FastvmScope extends FastvmApiOptions {
  readonly scope: FastifyInstance;
  readonly engine: Engine;
  /** Their calls have the dialect of firewalls that the client understands. */
  readonly routes: OperationRoutes<typeof OPERATIONS, { readonly dialect: Dialect }>;
}
