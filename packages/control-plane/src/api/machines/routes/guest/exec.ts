/** POST /v1/machines/{machineId}/exec: a command that is waited for, or one in the background. */
import { clientGone } from "../../../shared/client-gone.ts";
import { collectResult } from "../../exec/collect.ts";
import { execSpecOf } from "../../exec/exec-spec.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { makeWorkTree } from "../../work-tree.ts";
import { runningMachine } from "./running-machine.ts";

export function registerExecInMachine(api: MachinesScope): void {
  const { routes, engine } = api;
  routes.serve("execInMachine", async ({ body, params, reply }, caller) => {
    const vm = await runningMachine(api, caller, params.machineId);
    const spec = execSpecOf(vm, body);
    // One that waited for room, or that the other API made, has none yet.
    if ((body.cwd ?? undefined) === undefined) await makeWorkTree(api, vm);
    const signal = clientGone(reply);
    if (body.background === true) {
      const { pid } = await engine.execs.spawn(vm.id, { ...spec, stdin: "open" }, { signal });
      return { status: 200, body: { exit_code: null, stdout: "", stderr: "", pid, truncated: false } };
    }
    const session = await engine.execs.start(vm.id, spec, { signal });
    return { status: 200, body: await collectResult(session) };
  });
}
