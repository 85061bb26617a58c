/** `fastvm ls`: the organisation's VMs. */
import type { Command } from "commander";
import { keyValue } from "../../command-line/option-values.ts";
import { printJson, printLine } from "../../output/print.ts";
import { vmTable } from "../../output/show-vms.ts";
import type { Session } from "../../session.ts";
import { apiCommand } from "../api-command.ts";

interface ListOptions {
  readonly status?: string;
  readonly metadata?: Record<string, string>;
  readonly quiet?: boolean;
}

export function vmListCommand(): Command {
  return apiCommand<ListOptions>({
    name: "ls",
    summary: "List VMs",
    configure: (command) =>
      command
        .alias("list")
        .option("-a, --all", "in whatever state, as they are listed anyway")
        .option("--status <status>", "only VMs in this state")
        .option("--metadata <key=value>", "only VMs with this label; may be repeated", keyValue)
        .option("-q, --quiet", "print full ids alone"),
    run: async ({ session, options }) => listVms(session, options),
  });
}

export async function listVms(session: Session, { status, metadata, quiet }: ListOptions): Promise<void> {
  const vms = await session.client.vms.list({ status, metadata }, { signal: session.signal });
  if (session.isJson) printJson(vms);
  else if (quiet !== true) printLine(vmTable(vms));
  else for (const { id } of vms) printLine(id);
}
