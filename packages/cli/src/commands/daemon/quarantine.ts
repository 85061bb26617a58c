/** What the daemon of this machine has and none of its records knows. */
import { Command } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { confirm } from "../../output/confirm.ts";
import { printJson, printLine } from "../../output/print.ts";
import { renderTable } from "../../output/table.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";

interface QuarantineFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
}

export function quarantineCommand(): Command {
  return new Command("quarantine")
    .description("Look at VMs and snapshots of this machine that no record knows, and end them")
    .addCommand(listCommand())
    .addCommand(removeCommand());
}

function listCommand(): Command {
  const command = daemonCommand("ls", "List them, with the time at which each ends by itself").alias("list");
  return command.action(() =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<QuarantineFlags>(command);
      const kept = await daemon.listQuarantine(daemon.readConfig({ dataDir }).dataDir);
      if (json === true) {
        printJson(kept);
        return;
      }
      const rows = kept.map(({ id, kind, foundAt, endsAt }) => [id, kind, foundAt, endsAt]);
      printLine(renderTable(["ID", "KIND", "FOUND", "ENDS"], rows));
    }),
  );
}

function removeCommand(): Command {
  const command = daemonCommand("rm", "End some of them for good")
    .argument("<id...>", "as the list has them, in full")
    .option("-y, --yes", "do not ask");
  return command.action((ids: string[]) =>
    withDaemon(async (daemon) => {
      const { json, dataDir, yes } = optionsOf<QuarantineFlags>(command);
      const folder = daemon.readConfig({ dataDir }).dataDir;
      if (yes !== true) await confirm(`End ${ids.length} for good?`);
      for (const id of ids) await daemon.endQuarantined(folder, id);
      if (json === true) printJson(ids);
      else for (const id of ids) printLine(id);
    }),
  );
}
