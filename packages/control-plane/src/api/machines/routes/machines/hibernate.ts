/** POST /v1/machines/{machineId}/hibernate, or …/pause: answered when the memory is on disk. */
import { findMachine } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { pauseView } from "../../views/snapshot-view.ts";

export function registerHibernateMachine({ routes, engine }: MachinesScope): void {
  for (const name of ["hibernateMachine", "pauseMachine"] as const) {
    routes.serve(name, async ({ params }, caller) => {
      const { id } = await findMachine(engine, caller, params.machineId);
      return { status: 200, body: pauseView(await engine.vms.pause(caller, id)) };
    });
  }
}
