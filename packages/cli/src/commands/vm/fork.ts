/** `fastvm fork`: VMs that go on from where another one is. */
import { Option, type Command } from "commander";
import { collect, keyValue, positiveInteger } from "../../command-line/option-values.ts";
import { printJson, printLine, remark } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { vmTable } from "../../output/show-vms.ts";
import { printable } from "../../output/table.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

interface ForkOptions {
  readonly count?: number;
  readonly name?: string[];
  readonly metadata?: Record<string, string>;
  readonly volumes?: "shared" | "read-only" | "none" | "copy";
  readonly quiet?: boolean;
}

export function forkCommand(): Command {
  return apiCommand<ForkOptions>({
    name: "fork",
    operands: ["<vm>"],
    summary: "Start VMs that go on from where this one is, memory and all; it goes on too",
    configure: (command) =>
      command
        .option("-c, --count <n>", "how many (default: one, or one for each name)", positiveInteger)
        .option("-n, --name <name>", "name of the next child; may be repeated", collect)
        .option("--metadata <key=value>", "label of the children; may be repeated", keyValue)
        .addOption(
          new Option("--volumes <policy>", "what children have of its volumes (default: shared)").choices([
            "shared",
            "read-only",
            "none",
            "copy",
          ]),
        )
        .option("-q, --quiet", "print full ids alone"),
    run: async ({ session, operands: [vm = ""], options }) => {
      const { name: names, metadata, volumes, count = names?.length ?? 1 } = options;
      const vmId = await vmIdFor(session, vm);
      const params = { count, names, metadata, ...(volumes === undefined ? {} : { volumes }) };
      const { signal } = session;
      const result = await withProgress("Forking", () => session.client.vms.fork(vmId, params, { signal }));
      const started = result.children.flatMap((child) => (child.vm === undefined ? [] : [child.vm]));
      if (session.isJson) printJson(result);
      else if (options.quiet !== true) printLine(vmTable(started));
      else for (const { id } of started) printLine(id);
      for (const { error } of result.children) {
        if (error === undefined) continue;
        remark(`Error: a child did not start: ${printable(error.error)}`);
        process.exitCode = 1;
      }
    },
  });
}
