/** DELETE /v1/sandboxes/{sandboxId}, and by name: in whatever state, with all that is in it. */
import type { Caller, Sandbox } from "../../../engine/engine.ts";
import type { SandboxesScope } from "../sandboxes-scope.ts";

export function registerDeleteSandbox({ routes, logs, engine: { sandboxes } }: SandboxesScope): void {
  const remove = async (caller: Caller, { sandbox }: Sandbox) => {
    await sandboxes.delete(caller, sandbox.id);
    // What fails here the next sweep does.
    await logs.remove(sandbox.id).catch(() => undefined);
    return { status: 200, body: { message: `sandbox ${sandbox.name} was deleted` } };
  };
  routes.serve("deleteSandbox", async ({ params }, caller) =>
    remove(caller, await sandboxes.get(caller, params.sandboxId)),
  );
  routes.serve("deleteSandboxByName", async ({ params }, caller) =>
    remove(caller, await sandboxes.getByName(caller, params.name)),
  );
}
