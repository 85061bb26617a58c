/** `fastvm build logs`: what a build has printed, or prints. */
import type { Command } from "commander";
import { printJson, printJsonLine, printLine } from "../../output/print.ts";
import { harmless } from "../../output/table.ts";
import { apiCommand } from "../api-command.ts";

export function buildLogsCommand(): Command {
  return apiCommand<{ readonly follow?: boolean }>({
    name: "logs",
    operands: ["<build>"],
    summary: "Print what a build has printed",
    configure: (command) => command.option("--follow", "go on until the build ends"),
    run: async ({ session: { client, isJson, signal }, operands: [build = ""], options }) => {
      if (options.follow !== true) {
        const shown = await client.builds.logs(build, { signal });
        if (isJson) printJson(shown);
        else process.stdout.write(harmless(shown.log));
        return;
      }
      for await (const event of client.builds.follow(build, { signal })) {
        if (isJson) printJsonLine(event);
        else if (event.type === "log") printLine(harmless(event.line));
        if (event.type === "end" && event.status !== "completed") process.exitCode = 1;
      }
    },
  });
}
