/** Options that every command takes, before or after its name. */
import type { Command } from "commander";

interface GlobalOptions {
  readonly apiKey?: string;
  readonly baseUrl?: string;
  readonly context?: string;
  readonly json?: boolean;
}

export function addGlobalOptions(command: Command): Command {
  return command
    .option("--api-key <key>", "API key (environment: FASTVM_API_KEY)")
    .option("--base-url <url>", "API to talk to (environment: FASTVM_BASE_URL)")
    .option("--context <context>", "server that you logged in at (environment: FASTVM_CONTEXT)")
    .option("--json", "print JSON for programs");
}

/** A command's own options and the global ones, wherever on the line they were given. */
// The caller names its options' shape: commander knows them only by their flags.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function optionsOf<Options extends object>(command: Command): Options & GlobalOptions {
  return command.optsWithGlobals<Options & GlobalOptions>();
}
