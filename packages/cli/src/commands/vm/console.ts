/** `fastvm console`: a VM's login shell on this terminal. */
import type { Command } from "commander";
import { openConsole } from "../../console/open-console.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function consoleCommand(): Command {
  return apiCommand({
    name: "console",
    operands: ["<vm>"],
    summary: "Open a login shell of a VM on this terminal; Ctrl-] leaves it",
    configure: (command) => command.alias("connect"),
    run: async ({ session, operands: [vm = ""] }) => openConsole(session, await vmIdFor(session, vm)),
  });
}
