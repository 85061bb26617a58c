/** `fastvm logs`: what a VM's console showed last. */
import type { Command } from "commander";
import type { VmLogs } from "fastvm";
import { printJson, remark } from "../../output/print.ts";
import { harmless } from "../../output/table.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function logsCommand(): Command {
  return apiCommand<{ readonly hypervisor?: boolean }>({
    name: "logs",
    operands: ["<vm>"],
    summary: "Print what a VM's console showed last: its kernel's warnings, and what is sent to /dev/console",
    configure: (command) => command.option("--hypervisor", "print what QEMU said instead"),
    run: async ({ session, operands: [vm = ""], options }) => {
      const { client, isJson, signal } = session;
      const logs = await client.vms.logs(await vmIdFor(session, vm), { signal });
      if (isJson) printJson(logs);
      else if (options.hypervisor === true) printLog(logs.hypervisor);
      else printConsole(logs);
    },
  });
}

function printConsole({ console, hypervisor }: VmLogs): void {
  printLog(console);
  if (hypervisor !== "") remark("QEMU had something to say, too: see --hypervisor");
}

/** The guest's own bytes for a file or a pipe; for a terminal, without what could steer it. */
function printLog(text: string): void {
  const ended = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  process.stdout.write(process.stdout.isTTY ? harmless(ended) : ended);
}
