/** `fastvm build ls`: the organisation's builds, newest first. */
import type { Command } from "commander";
import { printJson, printLine } from "../../output/print.ts";
import { buildTable } from "../../output/show-builds.ts";
import { apiCommand } from "../api-command.ts";

export function buildListCommand(): Command {
  return apiCommand<{ readonly quiet?: boolean }>({
    name: "ls",
    summary: "List builds, newest first",
    configure: (command) => command.alias("list").option("-q, --quiet", "print full ids alone"),
    run: async ({ session: { client, isJson, signal }, options }) => {
      const builds = await client.builds.list({ signal });
      if (isJson) printJson(builds);
      else if (options.quiet !== true) printLine(buildTable(builds));
      else for (const { id } of builds) printLine(id);
    },
  });
}
