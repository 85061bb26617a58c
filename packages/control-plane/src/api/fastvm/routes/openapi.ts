/** GET /openapi.json: the document that describes this API. */
import { buildOpenapi } from "@fastvm/contract";
import type { FastvmScope } from "../fastvm-scope.ts";

export function registerOpenapi({ routes }: FastvmScope): void {
  const document = buildOpenapi();
  routes.serveOpen("openapi", async () => ({ status: 200, body: document }));
}
