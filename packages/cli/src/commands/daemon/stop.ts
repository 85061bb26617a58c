/** `fastvm daemon stop`: ends the daemon of a data folder, with or without its VMs. */
import { Command, Option } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { printJson, printLine } from "../../output/print.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";
import type { Daemon } from "./daemon-flags.ts";

export function daemonGroup(): Command {
  return new Command("daemon").description("Work with this machine's daemon").addCommand(stopCommand());
}

function stopCommand(): Command {
  const command = daemonCommand("stop", "End the daemon; its VMs run on and are found again by the next one");
  command
    .option("--vms", "stop its VMs first, of all organisations: disks are kept, paused ones stay paused")
    .addOption(new Option("--delete-vms", "delete its VMs first, paused ones too").conflicts("vms"));
  return command.action(() => withDaemon((daemon) => stop(daemon, optionsOf<StopFlags>(command))));
}

const AFTER = { keep: "run on", stop: "are stopped", delete: "are deleted" } as const;

interface StopFlags {
  readonly dataDir?: string;
  readonly vms?: boolean;
  readonly deleteVms?: boolean;
}

async function stop(daemon: Daemon, options: StopFlags & { readonly json?: boolean }): Promise<void> {
  const { dataDir } = daemon.readConfig({ dataDir: options.dataDir });
  const vms = fateOf(options);
  const outcome = await daemon.stopDaemon({ dataDir, vms });
  if (options.json === true) printJson({ outcome });
  else
    printLine(outcome === "stopped" ? `The daemon has ended; its VMs ${AFTER[vms]}` : "No daemon runs here");
}

function fateOf({ vms, deleteVms }: StopFlags): keyof typeof AFTER {
  if (deleteVms === true) return "delete";
  return vms === true ? "stop" : "keep";
}
