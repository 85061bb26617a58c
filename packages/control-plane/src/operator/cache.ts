/** What the host keeps ready for all organisations, and how whoever runs it makes room. */
import type { CacheHolding, PruneOptions } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";

const PRUNE_BODY = {
  type: "object",
  required: ["images", "templates", "unusedForMs"],
  properties: {
    images: { type: "boolean" },
    templates: { type: "boolean" },
    unusedForMs: { type: "number", minimum: 0 },
  },
};

export function registerCache(app: FastifyInstance, cache: CacheHolding): void {
  app.get("/cache", async () => await cache.usage());
  app.post<{ Body: PruneOptions }>("/cache/prune", { schema: { body: PRUNE_BODY } }, async ({ body }) => {
    const { images, templates, unusedForMs } = body;
    return await cache.prune({ images, templates, unusedForMs });
  });
}
