/** `fastvm ps`, `attach` and `kill`: commands in the background, which `fastvm exec -d` starts. */
import type { Command } from "commander";
import type { BackgroundExec } from "fastvm";
import { attachCommand as attach } from "../../exec/attach-command.ts";
import { printJson, printLine } from "../../output/print.ts";
import { renderTable } from "../../output/table.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

const SHORT_ID_LENGTH = 8;

export function psCommand(): Command {
  return apiCommand<{ readonly quiet?: boolean }>({
    name: "ps",
    operands: ["<vm>"],
    summary: "List a VM's commands in the background, those that have ended included",
    configure: (command) => command.option("-q, --quiet", "print ids only"),
    run: async ({ session, operands: [vm = ""], options }) => {
      const { client, isJson, signal } = session;
      const execs = await client.vms.commands.list(await vmIdFor(session, vm), { signal });
      if (isJson) return printJson(execs);
      if (options.quiet === true) return execs.forEach(({ id }) => printLine(id));
      printLine(renderTable(["ID", "PID", "STATUS", "STARTED", "COMMAND"], execs.map(rowOf)));
    },
  });
}

function rowOf({ id, pid, status, exitCode, startedAt, command }: BackgroundExec): string[] {
  const state = status === "running" ? status : `exited ${exitCode}`;
  return [id.slice(0, SHORT_ID_LENGTH), String(pid), state, startedAt, command.join(" ")];
}

export function attachCommand(): Command {
  return apiCommand({
    name: "attach",
    operands: ["<vm>", "<id>"],
    summary:
      "Print a background command's output, from what is kept on to its end; of a terminal, be at it: Ctrl-] leaves",
    run: async ({ session, operands: [vm = "", id = ""] }) => {
      const vmId = await vmIdFor(session, vm);
      const handle = await session.client.vms.commands.connect(vmId, await execIdFor(session, vmId, id));
      process.exitCode = await attach(handle, session.signal);
    },
  });
}

export function killCommand(): Command {
  return apiCommand<{ readonly signal?: string }>({
    name: "kill",
    operands: ["<vm>", "<id>"],
    summary: "Send a signal to a background command's process group",
    configure: (command) => command.option("-s, --signal <signal>", "name or number (default: KILL)"),
    run: async ({ session, operands: [vm = "", id = ""], options }) => {
      const { client, signal } = session;
      const vmId = await vmIdFor(session, vm);
      const execId = await execIdFor(session, vmId, id);
      const order = { signal: options.signal ?? "KILL" };
      const { signalled } = await client.vms.execs.signal(vmId, execId, order, { signal });
      if (!signalled) throw new UserError("The command has ended already");
    },
  });
}

/** By its id or the beginning of one. */
async function execIdFor({ client, signal }: Session, vmId: string, beginning: string): Promise<string> {
  const found = (await client.vms.execs.list(vmId, { signal })).filter(({ id }) => id.startsWith(beginning));
  const [one, another] = found;
  if (one === undefined)
    throw new UserError(`The VM has no command ${beginning}`, "fastvm ps VM lists what there is");
  if (another !== undefined)
    throw new UserError(`Several commands begin with ${beginning}`, "Type more of the id");
  return one.id;
}
