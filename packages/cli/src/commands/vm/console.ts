import type { Command } from "commander";
import { attachConsole, requireTerminal } from "../../console/attach-console.ts";
import { consoleUrl } from "../../console/console-url.ts";
import { remark } from "../../output/print.ts";
import type { Session } from "../../session.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function consoleCommand(): Command {
  return apiCommand({
    name: "console",
    operands: ["<vm>"],
    summary: "Open a login shell of a VM on this terminal; Ctrl-] leaves it",
    run: async ({ session, operands: [vm = ""] }) => openConsole(session, await vmIdFor(session, vm)),
  });
}

async function openConsole({ client, baseUrl, signal }: Session, vmId: string): Promise<void> {
  requireTerminal();
  const token = await client.vms.consoleToken(vmId, { signal });
  remark("Ctrl-] leaves");
  await attachConsole(consoleUrl(baseUrl, token), signal);
  remark("\r\nLeft the console");
}
