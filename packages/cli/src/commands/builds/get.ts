/** `fastvm build get`: one build; by a name the newest of that name. */
import type { Command } from "commander";
import { printJson, printLine } from "../../output/print.ts";
import { buildFields } from "../../output/show-builds.ts";
import { apiCommand } from "../api-command.ts";

export function buildGetCommand(): Command {
  return apiCommand({
    name: "get",
    operands: ["<build>"],
    summary: "Show a build; by a name or tag the newest one",
    run: async ({ session: { client, isJson, signal }, operands: [build = ""] }) => {
      const found = await client.builds.retrieve(build, { signal });
      if (isJson) printJson(found);
      else printLine(buildFields(found));
    },
  });
}
