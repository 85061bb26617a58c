/** POST /v1/sandbox-snapshots: of a sandbox that is stopped. The engine captures what runs, so it boots for that, and is stopped again. */
import { setTimeout as delay } from "node:timers/promises";
import { FastvmError, normalizeName } from "@fastvm/contract";
import type { Caller, Engine, Sandbox } from "../../../engine/engine.ts";
import { clientGone } from "../../shared/client-gone.ts";
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { invalid } from "../spec/invalid.ts";
import { labelsOf } from "../spec/labels.ts";
import { sandboxStatus } from "../views/sandbox-view.ts";
import { snapshotView } from "../views/snapshot-view.ts";

/** Of the boot: on a busy host of emulated guests some tens of seconds. */
const MAX_BOOT_MS = 300_000;
const LOOK_EVERY_MS = 200;

export function registerSnapshotStopped({ routes, engine }: SandboxesScope): void {
  const { sandboxes, snapshots, vms } = engine;
  routes.serve("snapshotStoppedSandbox", async ({ body, reply }, caller) => {
    const signal = clientGone(reply);
    const { destination, force = false, record_integrity: recordsIntegrity = false } = body;
    if (destination.Path !== undefined) throw invalid("destination.Path", "is not supported by this server");
    if (destination.Name === undefined) throw invalid("destination.Name", "is missing");
    const labels = labelsOf(body.labels ?? [], "labels");
    const name = normalizeName(destination.Name);
    const found = await sandboxes.getByName(caller, body.source_sandbox);
    const { sandbox, vm } = found;
    if (vm === undefined || sandboxStatus(found) !== "stopped" || vm.status !== "stopped")
      throw new FastvmError("vm_wrong_state", "only a sandbox that ran and is stopped is captured so");
    const earlier = (await snapshots.list(caller)).find((snapshot) => snapshot.name === name);
    if (earlier !== undefined && !force) throw invalid("destination.Name", "is that of a snapshot already");
    return await vms.runFor(caller, vm.id, async () => {
      await booted(engine, caller, sandbox.id, signal);
      const { snapshot } = await snapshots.create(caller, vm.id, name, { labels, recordsIntegrity });
      // Not before there is another.
      if (earlier !== undefined) await snapshots.delete(caller, earlier.id).catch(unlessGone);
      return { status: 200 as const, body: snapshotView(snapshot, sandbox.name) };
    });
  });
}

function unlessGone(error: unknown): void {
  if (!(error instanceof FastvmError && error.code === "not_found")) throw error;
}

async function booted(
  { sandboxes }: Pick<Engine, "sandboxes">,
  caller: Caller,
  id: Sandbox["sandbox"]["id"],
  signal: AbortSignal,
): Promise<void> {
  const until = Date.now() + MAX_BOOT_MS;
  for (;;) {
    const status = sandboxStatus(await sandboxes.get(caller, id));
    if (status === "running") return;
    if (status !== "starting" || Date.now() > until)
      throw new FastvmError("launch_failed", `it is ${status} and was to run`, { field: "source_sandbox" });
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}
