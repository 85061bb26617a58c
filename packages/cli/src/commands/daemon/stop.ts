import type { Command } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { printJson, printLine } from "../../output/print.ts";
import { daemonCommand } from "./daemon-flags.ts";

export function stopCommand(): Command {
  const command = daemonCommand("stop", "End the daemon; its VMs run on and are found again by the next one");
  return command.action(() => stop(optionsOf<{ readonly dataDir?: string }>(command)));
}

async function stop(options: { readonly dataDir?: string; readonly json?: boolean }): Promise<void> {
  const daemon = await import("@fastvm/daemon");
  const { dataDir } = daemon.readConfig({ dataDir: options.dataDir });
  const outcome = await daemon.stopDaemon({ dataDir });
  if (options.json === true) printJson({ outcome });
  else printLine(outcome === "stopped" ? "The daemon has ended; its VMs run on" : "No daemon runs here");
}
