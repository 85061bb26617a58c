/** POST /v1/sandboxes/{sandboxId}/stop, and by name. */
import type { Caller, Sandbox } from "../../../engine/engine.ts";
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { sandboxStatus, sandboxView } from "../views/sandbox-view.ts";

/** Clients give up after 10 s; what has not powered off by then loses its power. */
const GRACE_MS = 7_000;

export function registerStopSandbox(api: SandboxesScope): void {
  const { routes, engine } = api;
  routes.serve("stopSandbox", async ({ params }, caller) => ({
    status: 200,
    body: sandboxView(await stop(api, caller, await engine.sandboxes.get(caller, params.sandboxId))),
  }));
  routes.serve("stopSandboxByName", async ({ params }, caller) => ({
    status: 200,
    body: sandboxView(await stop(api, caller, await engine.sandboxes.getByName(caller, params.name))),
  }));
}

/** Idempotent: one that does not run is as it is. */
async function stop({ engine }: SandboxesScope, caller: Caller, found: Sandbox): Promise<Sandbox> {
  if (["created", "stopped", "failed"].includes(sandboxStatus(found))) return found;
  const { id } = found.sandbox;
  await engine.vms.stop(caller, id, { graceMs: GRACE_MS });
  return engine.sandboxes.get(caller, id);
}
