/** The flags that say which daemon is meant, shared by serve, stop and doctor. */
import { Command } from "commander";
import { addGlobalOptions } from "../../command-line/global-options.ts";

export function daemonCommand(name: string, summary: string): Command {
  return addGlobalOptions(new Command(name))
    .description(summary)
    .option("--data-dir <folder>", "VMs, snapshots and records (environment: FASTVM_DATA_DIR)");
}
