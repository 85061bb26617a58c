/**
 * What only the owner of the machine may do, over all organisations: see the host's figures, end every VM, make organisations and
 * keys. It is served on a socket that root alone can open, which is all the authentication there is; never on the API's port.
 */
import type { CacheHolding, ImageHolding } from "@fastvm/contract";
import Fastify, { type FastifyInstance } from "fastify";
import { renderError } from "../api/fastvm/errors.ts";
import { acceptJsonBodies } from "../api/shared/json-body.ts";
import { answerErrors, answerUnknownPaths } from "../api/shared/answer-error.ts";
import { nameRequests, REQUEST_ID_OPTIONS } from "../http/request-ids.ts";
import { compileValidator } from "../api/shared/validation.ts";
import type { Operator } from "../engine/engine.ts";
import type { Log } from "../log.ts";
import type { MetricsSource } from "../metrics-source.ts";
import { registerCache } from "./cache.ts";
import { registerImages } from "./images.ts";
import { registerOrganisations } from "./organisations.ts";
import { registerQuarantine } from "./quarantine.ts";

interface OperatorParts {
  /** Absent: there are no figures. */
  readonly metrics: MetricsSource | undefined;
  /** Absent: there are no images of registries. */
  readonly images: ImageHolding | undefined;
  /** Absent: it is not to be asked for. */
  readonly cache?: CacheHolding | undefined;
}

export function buildOperatorApp(
  operator: Operator,
  log: Log,
  { metrics, images, cache }: OperatorParts,
): FastifyInstance {
  const app = Fastify({ ...REQUEST_ID_OPTIONS, forceCloseConnections: true });
  app.setValidatorCompiler(compileValidator);
  nameRequests(app);
  acceptJsonBodies(app);
  answerErrors(app, log, () => renderError);
  answerUnknownPaths(app, () => renderError);
  if (metrics !== undefined) {
    app.get("/metrics", async (_request, reply) => {
      return await reply.type(metrics.contentType).send(await metrics.read());
    });
  }
  app.get("/vms", async () =>
    (await operator.listVms()).map(({ id, orgId, status }) => ({ id, orgId, status })),
  );
  app.delete<{ Params: { id: string } }>("/vms/:id", async ({ params: { id } }) => {
    await operator.deleteVm(id);
    return { id, deleted: true };
  });
  app.post("/shutdown", async () => {
    operator.beginShutdown();
    return { begun: true };
  });
  app.post<{ Params: { id: string } }>("/vms/:id/stop", async ({ params: { id } }) => {
    const vm = await operator.stopVmWithHost(id);
    return { id, status: vm?.status ?? "deleted" };
  });
  registerQuarantine(app, operator);
  registerOrganisations(app, operator);
  if (cache !== undefined) registerCache(app, cache);
  if (images !== undefined) registerImages(app, images, operator);
  return app;
}
