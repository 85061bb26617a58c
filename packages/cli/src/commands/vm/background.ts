/** `fastvm ps`, `attach` and `kill`: what runs, and commands in the background, which `fastvm exec -d` starts. */
import type { Command } from "commander";
import type { BackgroundExec } from "fastvm";
import { openConsole } from "../../console/open-console.ts";
import { attachCommand as attach } from "../../exec/attach-command.ts";
import { shortId } from "../../output/format.ts";
import { printJson, printLine } from "../../output/print.ts";
import { renderTable } from "../../output/table.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";
import { execFor } from "./exec-ref.ts";
import { listVms } from "./ls.ts";

interface PsOptions {
  readonly quiet?: boolean;
  readonly status?: string;
}

export function psCommand(): Command {
  return apiCommand<PsOptions>({
    name: "ps",
    operands: ["[vm]"],
    summary: "List VMs; or a VM's commands in the background, those that have ended included",
    configure: (command) =>
      command
        .option("-a, --all", "VMs in whatever state, which are listed anyway")
        .option("--status <status>", "only VMs in this state")
        .option("-q, --quiet", "print ids only"),
    run: async ({ session, operands: [vm], options }) => {
      if (vm === undefined) await listVms(session, options);
      else await listCommands(session, vm, options);
    },
  });
}

async function listCommands(session: Session, vm: string, options: PsOptions): Promise<void> {
  const { client, isJson, signal } = session;
  const execs = await client.vms.commands.list(await vmIdFor(session, vm), { signal });
  if (isJson) return printJson(execs);
  if (options.quiet === true) return execs.forEach(({ id }) => printLine(id));
  printLine(renderTable(["ID", "PID", "STATUS", "STARTED", "COMMAND"], execs.map(rowOf)));
}

function rowOf({ id, pid, status, exitCode, startedAt, command }: BackgroundExec): string[] {
  const state = status === "running" ? status : `exited ${exitCode}`;
  return [shortId(id), String(pid), state, startedAt, command.join(" ")];
}

export function attachCommand(): Command {
  return apiCommand({
    name: "attach",
    operands: ["<vm>", "[id]"],
    summary:
      "Print a background command's output, from what is kept on to its end; of a terminal, be at it: Ctrl-] leaves. " +
      "Without a command: the VM's console",
    run: async ({ session, operands: [vm = "", id] }) => {
      const vmId = await vmIdFor(session, vm);
      if (id === undefined) return await openConsole(session, vmId);
      const handle = await session.client.vms.commands.connect(vmId, (await execFor(session, vmId, id)).id);
      process.exitCode = await attach(handle, session.signal);
    },
  });
}

export function killCommand(): Command {
  return apiCommand<{ readonly signal?: string }>({
    name: "kill",
    operands: ["<vm>", "[id]"],
    summary: "Send a signal to a background command's process group",
    configure: (command) => command.option("-s, --signal <signal>", "name or number (default: KILL)"),
    run: async ({ session, operands: [vm = "", id], options }) => {
      if (id === undefined)
        throw new UserError(
          "kill ends a command in a VM",
          `Name one of: fastvm ps ${vm}; or delete the VM: fastvm rm ${vm}`,
        );
      const { client, signal } = session;
      const vmId = await vmIdFor(session, vm);
      const exec = await execFor(session, vmId, id);
      const order = { signal: options.signal ?? "KILL" };
      const { signalled } = await client.vms.execs.signal(vmId, exec.id, order, { signal });
      if (!signalled) throw new UserError("The command has ended already");
    },
  });
}
