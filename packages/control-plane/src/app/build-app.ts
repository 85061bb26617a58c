/** The HTTP application, apart from any socket: tests call it with `inject`, the daemon gives it a listener. */
import {
  MAX_BODY_BYTES,
  type AddressGuard,
  type CacheHolding,
  type ImageHolding,
  type ServiceDirectory,
  type WorkerPort,
} from "@fastvm/contract";
import Fastify, { type FastifyInstance, type FastifyServerFactory } from "fastify";
import { fastvmApi } from "../api/fastvm/fastvm-api.ts";
import { machinesApi } from "../api/machines/machines-api.ts";
import { sandboxesApi } from "../api/sandboxes/sandboxes-api.ts";
import type { MetricsSource } from "../metrics-source.ts";
import { engineOf } from "../engine/engine.ts";
import { addApis, optionsFor, type Apis } from "./side-by-side.ts";
import type { Clock } from "../clock.ts";
import type { ControlPlaneConfig } from "../config.ts";
import type { LendRoom } from "../engine/context.ts";
import { createLifecycle, startLifecycle } from "../engine/lifecycle.ts";
import type { AnsweredRequest } from "../answered-request.ts";
import type { QueueFigures } from "../queue-figures.ts";
import type { Log } from "../log.ts";
import { buildOperatorApp } from "../operator/operator-app.ts";
import type { SealingKeys } from "../sealing/sealing-keys.ts";
import type { Staging } from "../staging/staging.ts";
import type { Store } from "../store/store.ts";
import { auditChanges } from "../api/shared/audit-changes.ts";
import { answerUnreadable } from "../api/shared/answer-unreadable.ts";
import { traceRequests } from "../api/shared/trace-requests.ts";
import { acceptJsonBodies } from "../api/shared/json-body.ts";
import { tellAnswered } from "../http/tell-answered.ts";
import { queueFigures } from "../engine/figures/queue-figures.ts";
import { nameRequests, namingRequests, REQUEST_ID_OPTIONS } from "../http/request-ids.ts";
import { compileValidator } from "../api/shared/validation.ts";

export interface AppDependencies {
  readonly store: Store;
  readonly worker: WorkerPort;
  readonly clock: Clock;
  readonly log: Log;
  readonly config: ControlPlaneConfig;
  readonly staging: Staging;
  readonly sealing: SealingKeys;
  /** For the records of deletes, without which a full disk stays full. Absent: they have what room there is. */
  readonly lendRoom?: LendRoom | undefined;
  /** Where webhooks may lead. Absent: nowhere. */
  readonly guard?: AddressGuard | undefined;
  readonly serverFactory?: FastifyServerFactory;
  /** Where what commands of sandboxes print is kept. Absent: in memory. */
  readonly sandboxLogFolder?: string | undefined;
  /** Served at `/metrics` to whom it concerns. */
  readonly metrics?: MetricsSource | undefined;
  /** Images of registries. Absent: there are none. */
  readonly images?: ImageHolding | undefined;
  /** What the host keeps ready, for the operator. */
  readonly cache?: CacheHolding | undefined;
  /** Is given what a proxy of services needs to know of VMs. */
  readonly useDirectory?: (directory: ServiceDirectory) => void;
  /** Is told of each request that was answered. */
  readonly onAnswered?: (answered: AnsweredRequest) => void;
  /** Whether there are spans of requests. */
  readonly isTraced?: boolean;
  /** Is given what tells how much waits. */
  readonly useQueues?: (read: () => Promise<QueueFigures>) => void;
  /** Is given what the owner of the machine may do; to be served where nobody else comes. */
  readonly useOperator?: (operator: FastifyInstance) => void;
}

/** A name of 64 characters of 4 bytes each, percent-encoded, must still reach its route. */
const MAX_PARAMETER_LENGTH = 1024;

/** `ready()` reconciles with the worker; `close()` stops what runs in the background, but not the store. */
export function buildApp(deps: AppDependencies): FastifyInstance {
  const {
    serverFactory,
    useDirectory,
    useOperator,
    useQueues,
    onAnswered,
    isTraced,
    metrics,
    images,
    cache,
    ...rest
  } = deps;
  const log = namingRequests(deps.log);
  const first = fastvmApi({ config: deps.config, clock: deps.clock, log, metrics });
  const options = { config: deps.config, clock: deps.clock, log };
  const apis: Apis = [
    first,
    machinesApi(options),
    sandboxesApi({ ...options, logFolder: deps.sandboxLogFolder }),
  ];
  const { constraints, frameworkErrors } = optionsFor(apis);
  const app = Fastify({
    ...REQUEST_ID_OPTIONS,
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH, constraints },
    // Answers while closing are real answers: the client need not learn of our shutdown by a 503.
    return503OnClosing: false,
    forceCloseConnections: "idle",
    frameworkErrors,
    clientErrorHandler: answerUnreadable(first.renderError),
    ...(serverFactory === undefined ? {} : { serverFactory }),
  });
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(() => JSON.stringify);
  nameRequests(app);
  if (isTraced === true) traceRequests(app);
  if (onAnswered !== undefined) tellAnswered(app, onAnswered);
  acceptJsonBodies(app);
  const ctx = createLifecycle({ ...rest, images, log });
  const engine = engineOf(ctx);
  auditChanges(app, engine.audit, log);
  addApis(app, apis, engine, log);
  useQueues?.(() => queueFigures(ctx));
  useDirectory?.(engine.directory);
  useOperator?.(buildOperatorApp(engine.operator, log, { metrics, images, cache }));
  let stop: (() => Promise<void>) | undefined;
  app.addHook("onReady", async () => {
    const stopStaging = await deps.staging.start();
    const stopLifecycle = await startLifecycle(ctx);
    stop = async () => {
      await stopLifecycle();
      await engine.audit.close();
      await stopStaging();
    };
  });
  app.addHook("onClose", async () => stop?.());
  return app;
}
