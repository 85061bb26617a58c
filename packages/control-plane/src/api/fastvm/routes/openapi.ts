import { buildOpenapi } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { serveOpen } from "../../shared/operation-route.ts";

export function registerOpenapi(app: FastifyInstance): void {
  const document = buildOpenapi();
  serveOpen(app, "openapi", async () => ({ status: 200, body: document }));
}
