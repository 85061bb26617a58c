/** `fastvm build cancel`: ends builds; those that have ended stay as they are. */
import type { Command } from "commander";
import { printJson, printLine } from "../../output/print.ts";
import { buildTable } from "../../output/show-builds.ts";
import { apiCommand } from "../api-command.ts";

export function buildCancelCommand(): Command {
  return apiCommand({
    name: "cancel",
    operands: ["<build...>"],
    summary: "Cancel builds",
    run: async ({ session: { client, isJson, signal }, operands }) => {
      const ended = await Promise.all(operands.map((build) => client.builds.cancel(build, { signal })));
      if (isJson) printJson(ended);
      else printLine(buildTable(ended));
    },
  });
}
