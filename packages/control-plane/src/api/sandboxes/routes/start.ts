/** POST /v1/sandboxes/{sandboxId}/start, and by name. */
import { FastvmError } from "@fastvm/contract";
import type { Caller, Sandbox } from "../../../engine/engine.ts";
import { clientGone } from "../../shared/client-gone.ts";
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { launchOrderOf, maxLifeOf } from "../spec/launch-order.ts";
import { pullImage } from "../start/pull-image.ts";
import { waitUntilRunning } from "../start/wait-until-running.ts";
import { sampleIntervalOf } from "./metrics.ts";
import { sandboxStatus, sandboxView, specOf } from "../views/sandbox-view.ts";

export function registerStartSandbox(api: SandboxesScope): void {
  const { routes, engine } = api;
  routes.serve("startSandbox", async ({ params, query, reply }, caller) => {
    const started = await start(api, caller, await engine.sandboxes.get(caller, params.sandboxId));
    const now = await waitUntilRunning(engine, caller, started, query, clientGone(reply));
    return { status: 200, body: sandboxView(now) };
  });
  routes.serve("startSandboxByName", async ({ params, query, reply }, caller) => {
    const started = await start(api, caller, await engine.sandboxes.getByName(caller, params.name));
    const now = await waitUntilRunning(engine, caller, started, query, clientGone(reply));
    return { status: 200, body: sandboxView(now) };
  });
}

async function start(api: SandboxesScope, caller: Caller, found: Sandbox): Promise<Sandbox> {
  const started = await startIfNeeded(api, caller, found);
  const intervalMs = sampleIntervalOf(specOf(started)) ?? 0;
  if (intervalMs > 0 && sandboxStatus(started) === "running")
    api.samples.begin(caller, started.sandbox.id, intervalMs);
  return started;
}

/** Idempotent. */
async function startIfNeeded({ engine }: SandboxesScope, caller: Caller, found: Sandbox): Promise<Sandbox> {
  const { sandbox, vm } = found;
  if (vm === undefined) {
    const spec = specOf(found);
    await pullImage(engine, caller, spec);
    return engine.sandboxes.launchCreated(caller, sandbox.id, launchOrderOf(spec));
  }
  if (["running", "starting"].includes(sandboxStatus(found))) {
    engine.vms.keepRunning(vm);
    return found;
  }
  if (vm.status === "paused") {
    await engine.vms.resume(caller, vm.id);
    return engine.sandboxes.get(caller, sandbox.id);
  }
  if (vm.ephemeral && vm.status === "stopped") {
    throw new FastvmError("vm_wrong_state", "an ephemeral sandbox that has stopped is not started again");
  }
  const maxLife = maxLifeOf(specOf(found).lifecycle);
  // That of its last run may be over, or be over soon.
  if (maxLife !== undefined) await engine.vms.change(caller, vm.id, { maxLife });
  await engine.vms.start(caller, vm.id, {});
  return engine.sandboxes.get(caller, sandbox.id);
}
