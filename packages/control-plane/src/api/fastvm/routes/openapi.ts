/** GET /openapi.json: the document that describes this API. */
import { buildOpenapi } from "@fastvm/contract";
import type { FastvmScope } from "../fastvm-scope.ts";

/** Always the same, and made when it is first asked for: that takes as long as a fifth of all that an application begins with. */
let document: ReturnType<typeof buildOpenapi> | undefined;

export function registerOpenapi({ routes }: FastvmScope): void {
  routes.serveOpen("openapi", async () => ({ status: 200, body: (document ??= buildOpenapi()) }));
}
