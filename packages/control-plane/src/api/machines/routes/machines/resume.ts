/** POST /v1/machines/{id}/resume: by the snapshot of a pause, or by an id of the machine. What then runs has an id of its own. */
import { FastvmError } from "@fastvm/contract";
import type { Caller, VmRecord } from "../../../../engine/engine.ts";
import { findMachine, findPaused, isPause, isReusable } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { machineView } from "../../views/machine-view.ts";

export function registerResumeMachine(api: MachinesScope): void {
  const { routes, engine, clock } = api;
  routes.serve("resumeMachine", async ({ params }, caller) => {
    const { id } = await find(api, caller, params.machineId);
    const vm = await engine.vms.resume(caller, id);
    return { status: 201, body: machineView(vm, { now: clock.now(), activity: engine.activity }) };
  });
}

function find({ engine }: MachinesScope, caller: Caller, id: string): Promise<VmRecord> {
  if (isPause(id)) return findPaused(engine, caller, id);
  if (!isReusable(id)) return findMachine(engine, caller, id);
  throw new FastvmError("invalid_request", "machines are created from a reusable snapshot, not resumed", {
    field: "snapshot_id",
  });
}
