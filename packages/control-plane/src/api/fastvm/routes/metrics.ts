/** The daemon's figures on the API's port. They name every organisation's VMs, so a key must have a right of its own to them; root has a socket (operator/). */
import { FastvmError } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { authenticate } from "../../shared/authenticate.ts";
import type { Caller } from "../../../engine/caller.ts";
import type { Records } from "../../../store/records.ts";

export interface MetricsSource {
  readonly contentType: string;
  readonly read: () => Promise<string>;
}

/** The place where the right of a key is looked up, once keys have rights: until then none has this one, not even the first organisation's. */
export type MayReadHostFigures = (caller: Caller) => boolean;
export const NOBODY: MayReadHostFigures = () => false;

export function registerMetrics(
  app: FastifyInstance,
  records: Records,
  metrics: MetricsSource,
  may: MayReadHostFigures = NOBODY,
): void {
  app.get("/metrics", {
    onRequest: async (request) => {
      const caller = await authenticate(records, request);
      // As everything that is not the caller's.
      if (!may(caller)) throw new FastvmError("not_found");
    },
    handler: async (_request, reply) => await reply.type(metrics.contentType).send(await metrics.read()),
  });
}
