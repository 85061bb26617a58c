/** `fastvm backup` and `fastvm restore`: records, snapshots and paused VMs of this machine, into a folder and out of it. */
import { resolve } from "node:path";
import type { BackupManifest } from "@fastvm/daemon";
import type { Command } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";

interface Flags {
  readonly dataDir?: string;
  readonly json?: boolean;
}

export function backupCommand(): Command {
  const command = daemonCommand(
    "backup",
    "Copy records, snapshots and paused VMs into a new folder, while the daemon runs (root only)",
  ).argument("<folder>", "that is not there yet");
  return command.action((folder: string) =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<Flags>(command);
      const config = daemon.readConfig({ dataDir });
      const made = await withProgress("Copying", () => daemon.backUp(config, resolve(folder)));
      if (json === true) {
        printJson(made);
        return;
      }
      printLine(`${folder} has ${contentOf(made)}`);
      for (const line of leftOut(made)) printLine(line);
    }),
  );
}

export function restoreCommand(): Command {
  const command = daemonCommand(
    "restore",
    "Make a data folder, which must be empty, of a backup (root only). Of a snapshot: fastvm snapshot restore",
  ).argument("<folder>", "that fastvm backup made");
  return command.action((folder: string) =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<Flags>(command);
      const target = daemon.readConfig({ dataDir }).dataDir;
      const made = await withProgress("Checking and copying", () =>
        daemon.restoreBackup(resolve(folder), target),
      );
      if (json === true) printJson(made);
      else printLine(`${target} has ${contentOf(made)}. Start it: fastvm serve -d --data-dir ${target}`);
    }),
  );
}

function contentOf({ content: { snapshots, pausedVms } }: BackupManifest): string {
  return `all records, ${counted(snapshots, "snapshot")} and ${counted(pausedVms, "paused VM")}`;
}

function leftOut({ leftOut: { vms, volumes, snapshots } }: BackupManifest): readonly string[] {
  return [
    ...(vms === 0
      ? []
      : [`Not in it: the disks of ${counted(vms, "VM")} that are not paused; snapshot them first`]),
    ...(volumes === 0
      ? []
      : [`Not in it: the files of ${counted(volumes, "volume")}; copy them by fastvm volume cp`]),
    ...(snapshots === 0 ? [] : [`Not in it: ${counted(snapshots, "snapshot")} made meanwhile`]),
  ];
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
