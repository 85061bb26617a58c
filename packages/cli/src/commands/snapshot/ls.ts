/** `fastvm snapshot ls`: the organisation's snapshots. */
import type { Command } from "commander";
import { printJson, printLine } from "../../output/print.ts";
import { snapshotTable } from "../../output/show-snapshots.ts";
import { apiCommand } from "../api-command.ts";

export function snapshotListCommand(): Command {
  return apiCommand<{ readonly quiet?: boolean }>({
    name: "ls",
    summary: "List snapshots",
    configure: (command) => command.alias("list").option("-q, --quiet", "print full ids alone"),
    run: async ({ session, options: { quiet } }) => {
      const snapshots = await session.client.snapshots.list({}, { signal: session.signal });
      if (session.isJson) printJson(snapshots);
      else if (quiet !== true) printLine(snapshotTable(snapshots));
      else for (const { id } of snapshots) printLine(id);
    },
  });
}
