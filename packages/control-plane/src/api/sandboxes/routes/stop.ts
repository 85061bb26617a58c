/** POST /v1/sandboxes/{sandboxId}/stop, and by name. */
import { FastvmError } from "@fastvm/contract";
import type { Caller, Sandbox } from "../../../engine/engine.ts";
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { sandboxStatus, sandboxView } from "../views/sandbox-view.ts";

export function registerStopSandbox(api: SandboxesScope): void {
  const { routes, engine } = api;
  routes.serve("stopSandbox", async ({ params }, caller) => ({
    status: 200,
    body: sandboxView(await stop(caller, await engine.sandboxes.get(caller, params.sandboxId))),
  }));
  routes.serve("stopSandboxByName", async ({ params }, caller) => ({
    status: 200,
    body: sandboxView(await stop(caller, await engine.sandboxes.getByName(caller, params.name))),
  }));
}

/** Idempotent. */
async function stop(_caller: Caller, found: Sandbox): Promise<Sandbox> {
  if (["created", "stopped", "failed"].includes(sandboxStatus(found))) return found;
  throw new FastvmError("not_supported", "sandboxes that run are deleted, and not stopped", { field: "vm" });
}
