/** `fastvm events`: what happened to VMs and snapshots, and what happens. */
import type { Command } from "commander";
import type { Event } from "fastvm";
import { collect, positiveInteger } from "../command-line/option-values.ts";
import { localTime } from "../output/format.ts";
import { printJson, printJsonLine, printLine, remark } from "../output/print.ts";
import { printable } from "../output/table.ts";
import { apiCommand } from "./api-command.ts";
import { vmIdOrGone } from "./resolve.ts";

interface Flags {
  readonly follow?: boolean;
  readonly last: number;
  readonly vm?: string;
  readonly type?: readonly string[];
}

const DEFAULT_LAST = 20;

export function eventsCommand(): Command {
  return apiCommand<Flags>({
    name: "events",
    summary: "Show what happened to VMs and snapshots, and follow what happens",
    configure: (command) =>
      command
        .option("-f, --follow", "go on with what happens, until Ctrl-C; over restarts of the daemon, too")
        .option("-n, --last <count>", "that many of what happened", positiveInteger, DEFAULT_LAST)
        .option("--vm <vm>", "of this VM only; of one that is gone, by its whole id")
        .option("--type <type>", "of this type only, such as vm.deleted; any number of times", collect),
    run: async ({ session, options }) => {
      const { client, isJson, signal } = session;
      const { follow, last, type } = options;
      const selection = { vm: await vmIdOrGone(session, options.vm), types: type };
      const { events, lastId } = await client.events.list(
        { ...selection, limit: last, order: "desc" },
        { signal },
      );
      const past = events.toReversed();
      if (follow !== true) {
        if (isJson) printJson(past);
        else past.forEach(print);
        return;
      }
      const tell = isJson ? printJsonLine : print;
      past.forEach(tell);
      const onGap = (): void => remark("What happened meanwhile is no longer kept.");
      for await (const event of client.events.follow({ ...selection, after: lastId, onGap }, { signal }))
        tell(event);
    },
  });
}

function print({ at, type, subjectId, fromStatus, toStatus, detail }: Event): void {
  const change = fromStatus === toStatus ? "" : ` ${fromStatus ?? "-"} → ${toStatus ?? "-"}`;
  printLine(
    printable(`${localTime(at)}  ${subjectId}  ${type}${change}${detail === undefined ? "" : `: ${detail}`}`),
  );
}
