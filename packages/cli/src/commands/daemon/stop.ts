/** `fastvm stop`: ends the daemon of a data folder, with or without its VMs. */
import type { Command } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { printJson, printLine } from "../../output/print.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";
import type { Daemon } from "./daemon-flags.ts";

export function stopCommand(): Command {
  const command = daemonCommand("stop", "End the daemon; its VMs run on and are found again by the next one");
  command.option("--vms", "delete its VMs first, of all organisations, paused ones too");
  return command.action(() => withDaemon((daemon) => stop(daemon, optionsOf<StopFlags>(command))));
}

interface StopFlags {
  readonly dataDir?: string;
  readonly vms?: boolean;
}

async function stop(daemon: Daemon, options: StopFlags & { readonly json?: boolean }): Promise<void> {
  const { dataDir } = daemon.readConfig({ dataDir: options.dataDir });
  const vms = options.vms === true ? "delete" : "keep";
  const outcome = await daemon.stopDaemon({ dataDir, vms });
  if (options.json === true) printJson({ outcome });
  else
    printLine(
      outcome === "stopped"
        ? `The daemon has ended; its VMs ${vms === "keep" ? "run on" : "are deleted"}`
        : "No daemon runs here",
    );
}
