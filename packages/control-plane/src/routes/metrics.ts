/**
 * Figures of the whole host, all organisations' VMs among them: for whoever runs it. That is who asks from the machine itself, or with a key of the first
 * organisation, the owner's. A request that a proxy on the machine passed on is not from the machine.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { authenticateOwner } from "../app/authenticate-owner.ts";
import type { Records } from "../store/records.ts";

const LOOPBACK = /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/;
const FORWARDED = ["forwarded", "x-forwarded-for", "x-real-ip", "via"] as const;

export interface MetricsSource {
  readonly contentType: string;
  readonly read: () => Promise<string>;
}

export function registerMetrics(app: FastifyInstance, records: Records, metrics: MetricsSource): void {
  app.get("/metrics", {
    onRequest: async (request) => {
      if (!isFromHere(request)) await authenticateOwner(records, request, "the figures of the host");
    },
    handler: async (_request, reply) => await reply.type(metrics.contentType).send(await metrics.read()),
  });
}

function isFromHere({ ip, headers }: FastifyRequest): boolean {
  return LOOPBACK.test(ip) && FORWARDED.every((name) => headers[name] === undefined);
}
