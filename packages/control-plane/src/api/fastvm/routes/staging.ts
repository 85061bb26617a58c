/** The staging URLs themselves. They are not operations of the API: no key, no JSON, bodies of any size. */
import type { FastifyInstance } from "fastify";
import type { LifecycleContext } from "../../../engine/context.ts";
import { handleStaging } from "../../../staging/staging-handler.ts";

export function registerStaging(app: FastifyInstance, ctx: LifecycleContext): void {
  app.route({
    method: ["PUT", "GET", "HEAD"],
    url: "/staging/:vmId/:objectId",
    // Before anything looks at the body: it may be gigabytes, and is nobody's business but the disk's.
    onRequest: async (request, reply) => {
      reply.hijack();
      await handleStaging(ctx.staging, request.raw, reply.raw, "early");
    },
    handler: async () => undefined,
  });
}
