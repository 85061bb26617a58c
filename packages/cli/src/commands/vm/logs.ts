/** `fastvm logs`: what a VM's console showed, what QEMU said, and what commands in the background print. */
import { Option } from "commander";
import type { Command } from "commander";
import type { BackgroundExec, VmLogs } from "fastvm";
import { wholeNumber } from "../../command-line/option-values.ts";
import { followCommands, printCommands } from "../../logs/command-logs.ts";
import { followConsole } from "../../logs/follow-console.ts";
import { lastLines } from "../../logs/last-lines.ts";
import { LogWriter } from "../../logs/log-writer.ts";
import { printJson, remark } from "../../output/print.ts";
import { harmless } from "../../output/table.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";
import { execFor } from "./exec-ref.ts";

type Source = "console" | "hypervisor" | "commands" | "all";

interface LogOptions {
  readonly hypervisor?: boolean;
  readonly source?: Source;
  readonly follow?: boolean;
  readonly tail?: number;
}

export function logsCommand(): Command {
  return apiCommand<LogOptions>({
    name: "logs",
    operands: ["<vm>", "[command...]"],
    summary:
      "Print what a VM's console showed last (its kernel's warnings, and what is sent to /dev/console), " +
      "or what commands in the background printed",
    configure: (command) =>
      command
        .option("-f, --follow", "go on with what comes, until Ctrl-C")
        .option("-n, --tail <lines>", "only so many of the last lines of each", wholeNumber)
        .addOption(
          new Option(
            "--source <source>",
            "whose (default: console, or commands where some are named)",
          ).choices(["console", "hypervisor", "commands", "all"]),
        )
        .option("--hypervisor", "print what QEMU said: short for --source hypervisor"),
    run: async ({ session, operands: [vm = "", ...commands], options }) => {
      const vmId = await vmIdFor(session, vm);
      const chosen =
        commands.length === 0
          ? undefined
          : await Promise.all(commands.map((id) => execFor(session, vmId, id)));
      const source = sourceOf(options, chosen !== undefined);
      if (source === "console" && options.follow !== true) await printConsole(session, vmId, options);
      else if (source === "hypervisor") await printHypervisor(session, vmId, options);
      else await printSources(session, vmId, source, chosen, options);
    },
  });
}

function sourceOf({ source, hypervisor }: LogOptions, hasCommands: boolean): Source {
  const wanted = source ?? (hypervisor === true ? "hypervisor" : hasCommands ? "commands" : "console");
  if (hasCommands && wanted !== "commands")
    throw new UserError(`Commands are not of the ${wanted}`, "Leave --source away, or the commands");
  return wanted;
}

async function printConsole(
  { client, isJson, signal }: Session,
  vmId: string,
  { tail }: LogOptions,
): Promise<void> {
  const logs = await client.vms.logs(vmId, { signal });
  if (isJson) return printJson(cut(logs, tail));
  printLog(lastLines(logs.console, tail));
  if (logs.hypervisor !== "") remark("QEMU had something to say, too: see --hypervisor");
}

async function printHypervisor(
  { client, isJson, signal }: Session,
  vmId: string,
  { tail, follow }: LogOptions,
): Promise<void> {
  if (follow === true)
    throw new UserError("What QEMU says cannot be followed", "Leave -f away, or follow the console");
  const logs = await client.vms.logs(vmId, { signal });
  if (isJson) printJson(cut(logs, tail));
  else printLog(lastLines(logs.hypervisor, tail));
}

function cut({ console, hypervisor }: VmLogs, tail: number | undefined): VmLogs {
  return { console: lastLines(console, tail), hypervisor: lastLines(hypervisor, tail) };
}

/** By lines that name their source, but for one alone that goes on. */
async function printSources(
  session: Session,
  vmId: string,
  source: "console" | "commands" | "all",
  chosen: readonly BackgroundExec[] | undefined,
  { follow, tail }: LogOptions,
): Promise<void> {
  const isOne = source === "console" || chosen?.length === 1;
  const writer = new LogWriter(session.isJson ? "json" : isOne ? "raw" : "lines");
  const tell = (text: string): Promise<void> => writer.write("console", text);
  if (follow === true) {
    const console = source === "commands" ? undefined : followConsole(session, vmId, tail, tell);
    const commands = source === "console" ? undefined : followCommands(session, vmId, chosen, writer);
    await Promise.race([console, commands].filter((each) => each !== undefined));
    return;
  }
  if (source === "all") {
    await tell(lastLines((await session.client.vms.logs(vmId, { signal: session.signal })).console, tail));
    writer.end("console");
  }
  const { client, signal } = session;
  await printCommands(session, vmId, chosen ?? (await client.vms.execs.list(vmId, { signal })), tail, writer);
}

/** The guest's own bytes for a file or a pipe; for a terminal, without what could steer it. */
function printLog(text: string): void {
  const ended = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  process.stdout.write(process.stdout.isTTY ? harmless(ended) : ended);
}
