/** POST /v1/machines/{machineId}/fork: one child, with the parent's memory, processes and files. */
import { FastvmError } from "@fastvm/contract";
import { findMachine } from "../../ids.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { once } from "../../once.ts";
import { withTrafficToken } from "../../traffic-token.ts";
import { machineView } from "../../views/machine-view.ts";

export function registerForkMachine(api: MachinesScope): void {
  const { routes, engine, clock } = api;
  routes.serve("forkMachine", async ({ params, request }, caller) => {
    const answer = await once(api, caller, { operation: "forkMachine", request }, async (key) => {
      const parent = await findMachine(engine, caller, params.machineId);
      const order = { count: 1, names: [], settings: {}, key };
      const { children } = await engine.vms.fork(caller, parent.id, order);
      const [child] = children;
      if (child === undefined) throw new FastvmError("internal", "a fork of one had no child");
      if ("error" in child) throw child.error;
      const seen = { now: clock.now(), activity: engine.activity };
      return { status: 201, body: machineView(child.vm, seen) };
    });
    return withTrafficToken(api, caller, answer);
  });
}
