/** GET /v1/sandboxes/{sandboxId}, and by name. */
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { sandboxView } from "../views/sandbox-view.ts";

export function registerGetSandbox({ routes, engine: { sandboxes } }: SandboxesScope): void {
  routes.serve("getSandbox", async ({ params }, caller) => ({
    status: 200,
    body: sandboxView(await sandboxes.get(caller, params.sandboxId)),
  }));
  routes.serve("getSandboxByName", async ({ params }, caller) => ({
    status: 200,
    body: sandboxView(await sandboxes.getByName(caller, params.name)),
  }));
}
