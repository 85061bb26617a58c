/** GET /v1/machines/{machineId}: wakes nothing. */
import { MACHINE_MASK } from "@fastvm/contract";
import { maskOf, masked } from "../../field-mask.ts";
import { findMachine } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { machineView } from "../../views/machine-view.ts";

export function registerGetMachine({ routes, engine, clock }: MachinesScope): void {
  routes.serve("getMachine", async ({ params, query }, caller) => {
    const mask = maskOf(query, MACHINE_MASK);
    const vm = await findMachine(engine, caller, params.machineId);
    const view = machineView(vm, { now: clock.now(), activity: engine.activity });
    return { status: 200, body: masked(view, mask) };
  });
}
