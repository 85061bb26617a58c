/** DELETE /v1/machines/{machineId}: under whichever id, the machine and all its ids are gone. */
import { findMachine, machineId } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";

export function registerDestroyMachine({ routes, engine }: MachinesScope): void {
  routes.serve("destroyMachine", async ({ params }, caller) => {
    const vm = await findMachine(engine, caller, params.machineId);
    await engine.vms.delete(caller, vm.id);
    return { status: 200, body: { id: machineId(vm), status: "destroyed" } };
  });
}
