/** What serve, stop and doctor share: the flags that say which daemon is meant, and how its complaints are shown. */
import type * as daemon from "@fastvm/daemon";
import { Command } from "commander";
import { addGlobalOptions } from "../../command-line/global-options.ts";
import { UserError } from "../../user-error.ts";

export function daemonCommand(name: string, summary: string): Command {
  return addGlobalOptions(new Command(name))
    .description(summary)
    .option("--data-dir <folder>", "VMs, snapshots and records (environment: FASTVM_DATA_DIR)");
}

export type Daemon = typeof daemon;

/** Loads the daemon's code, which the other commands need not wait for, and shows its errors without their stacks. */
export async function withDaemon(work: (daemon: Daemon) => Promise<void>): Promise<void> {
  const loaded = await import("@fastvm/daemon");
  try {
    await work(loaded);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError) throw error;
    throw new UserError(error.message, hintOf(error));
  }
}

/** Errors of the platform's catalogue know what to do about them. */
function hintOf(error: Error): string | undefined {
  const entry: unknown = "entry" in error ? error.entry : undefined;
  const hint: unknown =
    typeof entry === "object" && entry !== null && "hint" in entry ? entry.hint : undefined;
  return typeof hint === "string" ? hint : undefined;
}
