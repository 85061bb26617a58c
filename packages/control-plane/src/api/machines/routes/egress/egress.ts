/** PATCH /v1/machines/{machineId}/egress: answered when it is in force. */
import { machineId } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { shownEgress, withEgress } from "../../network/egress-policy.ts";
import { runningMachine } from "../guest/running-machine.ts";

export function registerEgress({ routes, engine }: MachinesScope): void {
  routes.serve("updateMachineEgress", async ({ body, params }, caller) => {
    const { id } = await runningMachine({ engine }, caller, params.machineId);
    const vm = await engine.networks.change(caller, id, (current) =>
      withEgress(current, body.egress, "egress"),
    );
    const egress = shownEgress(vm.network) ?? body.egress;
    return { status: 200, body: { machine_id: machineId(vm), egress } };
  });
}
