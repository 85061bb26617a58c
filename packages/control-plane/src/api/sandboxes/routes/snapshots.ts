/** Full snapshots of sandboxes and forks, of which the engine knows VMs. */
import type { SandboxSpec } from "@fastvm/contract";
import { normalizeName } from "@fastvm/contract";
import {
  asFastvmError,
  type Caller,
  type Engine,
  type SandboxOrder,
  type SnapshotRecord,
} from "../../../engine/engine.ts";
import type { SandboxesScope } from "../sandboxes-scope.ts";
import { invalid } from "../spec/invalid.ts";
import { assertName } from "../spec/read-spec.ts";
import { slugOf } from "../spec/slug.ts";
import { sandboxView, specOf } from "../views/sandbox-view.ts";
import { snapshotView } from "../views/snapshot-view.ts";

export function registerSandboxSnapshots({ routes, engine }: SandboxesScope): void {
  const { sandboxes, snapshots } = engine;
  routes.serve("createSandboxSnapshot", async ({ params, body }, caller) => {
    const { sandbox, vm } = await sandboxes.get(caller, params.sandboxId);
    if (vm === undefined) throw invalid("sandbox", "was never started: there is nothing to capture");
    if ((await snapshots.list(caller)).some(({ name }) => name === normalizeName(body.name)))
      throw invalid("name", "is that of a snapshot already");
    const { snapshot } = await snapshots.create(caller, vm.id, normalizeName(body.name));
    return { status: 200, body: snapshotView(snapshot, sandbox.name) };
  });
  routes.serve("forkSandbox", async ({ params, body }, caller) => {
    const found = await sandboxes.get(caller, params.sandboxId);
    for (const [index, name] of body.names.entries()) assertName(name, `names.${index}`);
    if (new Set(body.names).size < body.names.length) throw invalid("names", "has one twice");
    const orders = body.names.map((name) => orderOf(specOf(found), name));
    const outcomes = await sandboxes.fork(caller, found, orders);
    const children = outcomes.map((outcome, index) => ({
      name: body.names[index] ?? "",
      sandbox: "error" in outcome ? null : sandboxView(outcome.sandbox),
      error: "error" in outcome ? asFastvmError(outcome.error).message : null,
    }));
    return { status: 200, body: { children } };
  });
  routes.serve("listSandboxSnapshots", async (_request, caller) => {
    const names = await namesById(engine, caller);
    const found = await snapshots.list(caller);
    const data = found.map((snapshot) => snapshotView(snapshot, names.get(snapshot.vmId)));
    return { status: 200, body: { data } };
  });
  routes.serve("getSandboxSnapshot", async ({ params }, caller) => {
    const snapshot = await snapshots.get(caller, params.snapshot);
    return {
      status: 200,
      body: snapshotView(snapshot, (await namesById(engine, caller)).get(snapshot.vmId)),
    };
  });
  routes.serve("deleteSandboxSnapshot", async ({ params }, caller) => {
    await snapshots.delete(caller, params.snapshot);
    return { status: 200, body: { message: `snapshot ${params.snapshot} was deleted` } };
  });
  routes.serve("verifySandboxSnapshot", async ({ params }, caller) => {
    const differing = await snapshots.verify(caller, params.snapshot);
    return { status: 200, body: { verified: differing.length === 0, differing: [...differing] } };
  });
  routes.serve("restoreSandboxSnapshot", async ({ params, body }, caller) => {
    assertName(body.name, "name");
    const snapshot = await snapshots.get(caller, params.snapshot);
    const made = await sandboxes.launch(caller, orderOf(specOfSnapshot(snapshot), body.name), {
      source: { kind: "snapshot", reference: snapshot.id },
      name: normalizeName(body.name),
      settings: {},
      ttl: undefined,
      repeatKey: null,
    });
    return { status: 200, body: sandboxView(made) };
  });
}

/** Ports of the host are its source's. */
function orderOf(spec: SandboxSpec, name: string): SandboxOrder {
  const { ports: _of, ...network } = spec.network ?? {};
  const written = { ...spec, name, ...(spec.network !== undefined && { network }) };
  return { name, labels: spec.labels ?? {}, slug: slugOf(name), written };
}

/** As much as a VM knows of what it was asked to be. */
function specOfSnapshot({
  name,
  template,
  cpu,
  memoryMib,
  envVars,
  cwd,
  metadata,
  ephemeral,
}: SnapshotRecord): SandboxSpec {
  return {
    name,
    image: { type: "oci", reference: template === "" ? "base" : template },
    resources: { vcpus: cpu, memory_mib: memoryMib },
    runtime: cwd === "" ? {} : { workdir: cwd },
    env: Object.entries(envVars).map(([key, value]) => ({ key, value })),
    labels: metadata,
    lifecycle: { ephemeral },
  };
}

async function namesById({ sandboxes }: Pick<Engine, "sandboxes">, caller: Caller) {
  return new Map<string, string>(
    (await sandboxes.list(caller)).map(({ sandbox }) => [sandbox.id, sandbox.name]),
  );
}
