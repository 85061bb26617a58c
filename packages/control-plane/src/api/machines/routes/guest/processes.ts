/** /v1/machines/{machineId}/processes: commands in the background, by the number that the guest gave them. */
import { constants } from "node:os";
import { FastvmError, type ExecState, type VmId } from "@fastvm/contract";
import type { Caller } from "../../../../engine/engine.ts";
import { clientGone } from "../../../shared/client-gone.ts";
import { collectLogs } from "../../exec/collect.ts";
import type { MachinesScope } from "../../machines-scope.ts";
import { runningMachine } from "./running-machine.ts";

interface Found {
  readonly vmId: VmId;
  readonly exec: ExecState;
}

interface Named {
  readonly machineId: string;
  readonly pid: string;
}

export function registerProcesses(api: MachinesScope): void {
  const { routes, engine } = api;
  const { execs } = engine;

  /** The newest of that number, as numbers come again. */
  const find = async (caller: Caller, { machineId, pid }: Named, signal: AbortSignal): Promise<Found> => {
    const { id } = await runningMachine(api, caller, machineId);
    const exec = (await execs.list(id, { signal })).findLast((candidate) => String(candidate.pid) === pid);
    if (exec !== undefined && exec.pid !== 0) return { vmId: id, exec };
    const quoted = JSON.stringify(pid.slice(0, 20));
    throw new FastvmError("not_found", `no process in the background has the number ${quoted}`, {
      field: "pid",
    });
  };

  routes.serve("listProcesses", async ({ params, reply }, caller) => {
    const { id } = await runningMachine(api, caller, params.machineId);
    const all = await execs.list(id, { signal: clientGone(reply) });
    return { status: 200, body: { processes: all.filter(({ pid }) => pid !== 0).map(processView) } };
  });
  routes.serve("getProcessLogs", async ({ params, reply }, caller) => {
    const signal = clientGone(reply);
    const { vmId, exec } = await find(caller, params, signal);
    const events = await execs.attach(vmId, exec.execId, { offset: 0, follow: false }, { signal });
    return { status: 200, body: await collectLogs(events) };
  });
  routes.serve("writeProcessStdin", async ({ body, params, reply }, caller) => {
    const signal = clientGone(reply);
    const { vmId, exec } = await find(caller, params, signal);
    const data = Buffer.from(body.data);
    await execs.writeStdin(vmId, exec.execId, { data, closes: body.close ?? false }, { signal });
    return { status: 200, body: { bytes_sent: data.length } };
  });
  routes.serve("killProcess", async ({ params, reply }, caller) => {
    const signal = clientGone(reply);
    const { vmId, exec } = await find(caller, params, signal);
    const killed = await execs.signal(vmId, exec.execId, constants.signals.SIGKILL, { signal });
    return { status: 200, body: { killed } };
  });
}

function processView({ pid, command, end }: ExecState) {
  return { pid, command: command.join(" "), running: end === undefined };
}
