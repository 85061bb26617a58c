/** `machine lifecycle`: what happened to a machine, and what happens. */
import type { Command } from "commander";
import type { LifecycleEvent } from "fastvm/machines";
import { positiveInteger } from "../../command-line/option-values.ts";
import { localTime } from "../../output/format.ts";
import { printJsonLine, printLine } from "../../output/print.ts";
import { machineCommand } from "./machine-command.ts";
import { webhooksCommand } from "./webhooks.ts";

export function lifecycleCommand(): Command {
  return machineCommand<{ readonly follow?: boolean; readonly limit?: number }>({
    name: "lifecycle",
    operands: ["<machine>"],
    summary: "What happened to a machine, oldest first; with --json one object a line",
    example: "lifecycle MACHINE --limit 10",
    configure: (command) =>
      command
        .option("-f, --follow", "go on with what happens, over any number of connections")
        .option("--limit <count>", "of what happened, the newest; at most 100", positiveInteger),
    run: async ({ operands: [id = ""], options: { follow, limit = 50 }, isJson, api, machines }) => {
      const machine = await machines.attach(id, api);
      const tell = (event: LifecycleEvent): void => {
        const { occurredAt, operation, status, reason } = event;
        const words = [localTime(occurredAt), operation, status, reason ?? ""];
        if (isJson) printJsonLine(event);
        else printLine(words.join("  ").trimEnd());
      };
      if (follow === true) {
        for await (const event of machine.streamEvents({ replayLimit: limit }, api)) tell(event);
        return;
      }
      const { events } = await machine.listLifecycle({ limit }, api);
      for (const event of events.toReversed()) tell(event);
    },
  }).addCommand(webhooksCommand());
}
