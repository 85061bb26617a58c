/** Reusable snapshots, and that of a pause where it is asked for by its id. */
import type { Caller } from "../../../../engine/engine.ts";
import { findMachine, findPaused, findReusable, isPause, snapshotId, vmIdOf } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { once } from "../../once.ts";
import { pauseView, snapshotView } from "../../views/snapshot-view.ts";

export function registerSnapshots(api: MachinesScope): void {
  const { routes, engine } = api;
  const find = async (caller: Caller, id: string) =>
    isPause(id)
      ? pauseView(await findPaused(engine, caller, id))
      : snapshotView(await findReusable(engine, caller, id));

  routes.serve("createMachineSnapshot", async ({ params, request }, caller) =>
    once(api, caller, { operation: "createMachineSnapshot", request }, async (key) => {
      const { id } = await findMachine(engine, caller, params.machineId);
      const { snapshot } = await engine.snapshots.create(caller, id, "", { key });
      return { status: 201, body: snapshotView(snapshot) };
    }),
  );
  routes.serve("listMachineSnapshots", async ({ query }, caller) => {
    const { machine_id: of } = query;
    const vmId = typeof of === "string" ? (vmIdOf(of) ?? "") : undefined;
    const all = await engine.snapshots.list(caller);
    const meant = vmId === undefined ? all : all.filter((snapshot) => snapshot.vmId === vmId);
    return { status: 200, body: { snapshots: meant.map((snapshot) => snapshotView(snapshot)) } };
  });
  routes.serve("getMachineSnapshot", async ({ params }, caller) => ({
    status: 200,
    body: await find(caller, params.snapshotId),
  }));
  routes.serve("deleteMachineSnapshot", async ({ params }, caller) => {
    const snapshot = await findReusable(engine, caller, params.snapshotId);
    await engine.snapshots.delete(caller, snapshot.id);
    return { status: 200, body: { id: snapshotId(snapshot), deleted: true } };
  });
}
