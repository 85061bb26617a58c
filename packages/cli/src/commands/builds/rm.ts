/** `fastvm build rm`: deletes builds that have ended, with their images and snapshots. */
import type { Command } from "commander";
import { confirm } from "../../output/confirm.ts";
import { printJson, printLine } from "../../output/print.ts";
import { apiCommand } from "../api-command.ts";

export function buildRemoveCommand(): Command {
  return apiCommand<{ readonly yes?: boolean }>({
    name: "rm",
    operands: ["<build...>"],
    summary: "Delete builds that have ended, with their images and snapshots",
    configure: (command) => command.option("-y, --yes", "do not ask"),
    run: async ({ session: { client, isJson, signal }, operands, options }) => {
      if (options.yes !== true) await confirm(`Delete ${operands.join(", ")} with images and snapshots?`);
      const deleted = await Promise.all(
        operands.map((build) => client.snapshotImports.delete(build, { signal })),
      );
      if (isJson) printJson(deleted);
      else for (const { id } of deleted) printLine(id);
    },
  });
}
