/** POST /v1/sandboxes: recorded, and started where the query says so. */
import type { SandboxSpec } from "@fastvm/contract";
import type { SandboxOrder } from "../../../engine/engine.ts";
import { clientGone } from "../../shared/client-gone.ts";
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { withoutValues } from "../spec/interception.ts";
import { launchOrderOf } from "../spec/launch-order.ts";
import { readSpec } from "../spec/read-spec.ts";
import { slugOf } from "../spec/slug.ts";
import { sandboxStatus, sandboxView } from "../views/sandbox-view.ts";
import { sampleIntervalOf } from "./metrics.ts";
import { pullImage } from "../start/pull-image.ts";
import { withVolumes } from "../start/with-volumes.ts";
import { waitUntilRunning } from "../start/wait-until-running.ts";

export function registerCreateSandbox(api: SandboxesScope): void {
  const { routes, engine, samples } = api;
  routes.serve("createSandbox", async ({ body, query, reply }, caller) => {
    const signal = clientGone(reply);
    const spec = readSpec(body as Readonly<Record<string, unknown>>);
    // Checked whether it is started now or later.
    const launch = launchOrderOf(spec);
    const order = orderOf(spec);
    if (spec.image.type !== "oci") await engine.images.assertMayImport(caller);
    if (String(query["start"]) !== "true") {
      return {
        status: 200,
        body: sandboxView(
          await withVolumes(engine, caller, spec, () => engine.sandboxes.create(caller, order, launch)),
        ),
      };
    }
    await pullImage(engine, caller, spec);
    const made = await withVolumes(engine, caller, spec, () =>
      engine.sandboxes.launch(caller, order, launch),
    );
    const now = await waitUntilRunning(engine, caller, made, query, signal);
    const intervalMs = sampleIntervalOf(spec) ?? 0;
    if (intervalMs > 0 && sandboxStatus(now) === "running") samples.begin(caller, now.sandbox.id, intervalMs);
    return { status: 200, body: sandboxView(now) };
  });
}

/** Without what is nobody's to read again. */
function orderOf({ registry: _login, ...written }: SandboxSpec): SandboxOrder {
  const { name, labels = {}, slug } = written;
  const shown = withoutValues(written);
  // What was to be made is there from now on.
  const mounts = written.mounts?.map((mount) =>
    mount.type === "named" ? { ...mount, create: null } : mount,
  );
  const kept = mounts === undefined ? shown : { ...shown, mounts };
  return { name, labels, slug: slug ?? slugOf(name), written: kept };
}
