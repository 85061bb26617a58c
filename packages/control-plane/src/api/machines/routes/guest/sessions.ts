/** /v1/machines/{machineId}/pty and …/metrics. */
import { constants } from "node:os";
import { FastvmError } from "@fastvm/contract";
import type { Caller } from "../../../../engine/engine.ts";
import { clientGone } from "../../../shared/client-gone.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { execIdOf, sessionId } from "../../sockets/session-id.ts";
import { metricsView } from "../../views/metrics-view.ts";
import { runningMachine } from "./running-machine.ts";

interface Named {
  readonly machineId: string;
  readonly sessionId: string;
}

export function registerSessions(api: MachinesScope): void {
  const { routes, engine } = api;
  const { execs } = engine;

  const find = async (caller: Caller, named: Named, signal: AbortSignal) => {
    const { id } = await runningMachine(api, caller, named.machineId);
    const wanted = execIdOf(named.sessionId);
    const all = await execs.list(id, { signal });
    const exec = all.find(({ execId, pty }) => execId === wanted && pty !== undefined);
    if (exec === undefined) throw new FastvmError("not_found", "there is no such session", { field: "pid" });
    return { vmId: id, execId: exec.execId };
  };

  routes.serve("listPtys", async ({ params, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const all = await execs.list(id, { signal: clientGone(reply) });
    const sessions = all
      .filter(({ pty }) => pty !== undefined)
      .map(({ execId, pid, command, end }) => ({
        session_id: sessionId(execId),
        pid,
        command: command.join(" "),
        running: end === undefined,
      }));
    return { status: 200, body: { sessions } };
  });
  routes.serve("resizePty", async ({ params, body, reply }, caller) => {
    const signal = clientGone(reply);
    const { vmId, execId } = await find(caller, params, signal);
    await execs.resize(vmId, execId, body, { signal });
    return { status: 200, body };
  });
  routes.serve("killPty", async ({ params, reply }, caller) => {
    const signal = clientGone(reply);
    const { vmId, execId } = await find(caller, params, signal);
    const killed = await execs.signal(vmId, execId, constants.signals.SIGKILL, { signal });
    return { status: 200, body: { killed } };
  });
  routes.serve("getMachineMetrics", async ({ params, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const figures = await engine.figures.look(id, { processes: false, signal: clientGone(reply) });
    return { status: 200, body: { metrics: [metricsView(figures)] } };
  });
}
