/** POST /v1/machines/{machineId}/timeout: it begins anew. */
import { FastvmError } from "@fastvm/contract";
import { findMachine } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { leaseView, timeoutActionOf, ttlOf } from "../../views/lease-view.ts";

export function registerSetTimeout({ routes, engine, clock }: MachinesScope): void {
  routes.serve("setMachineTimeout", async ({ body, params }, caller) => {
    const { id } = await findMachine(engine, caller, params.machineId);
    const renewed = await engine.vms.renewTtl(caller, id, ({ ttlAction, autoResume, ephemeral }) => {
      const action = body.timeout_action ?? timeoutActionOf(ttlAction ?? "delete");
      if (autoResume && action === "destroy") {
        throw invalid("requests wake this machine when it is paused, so its timeout can only hibernate it");
      }
      if (ephemeral && action === "hibernate") throw invalid("an ephemeral machine is not hibernated");
      return ttlOf(body.timeout_ms, action);
    });
    return { status: 200, body: leaseView(renewed, clock.now()) };
  });
}

function invalid(detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field: "timeout_action" });
}
