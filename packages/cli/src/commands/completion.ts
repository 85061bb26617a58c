/** `fastvm completion SHELL`: the script that a shell runs, and the hidden command that the script asks. */
import { Argument, Command } from "commander";
import { addGlobalOptions } from "../command-line/global-options.ts";
import { candidatesFor } from "../completion/candidates.ts";
import { COMPLETION_SCRIPTS, SHELLS } from "../completion/scripts.ts";
import type { Shell } from "../completion/scripts.ts";
import { printLine } from "../output/print.ts";
import { openSession } from "../session.ts";

export function completionCommand(): Command {
  return addGlobalOptions(new Command("completion"))
    .description("Print a script that completes commands and names: source <(fastvm completion bash)")
    .addArgument(new Argument("<shell>").choices([...SHELLS]))
    .action((shell: Shell) => void process.stdout.write(COMPLETION_SCRIPTS[shell]));
}

/** What the scripts call; not for people. */
export function completeCommand(wholeProgram: () => Promise<Command>): Command {
  const command = addGlobalOptions(new Command("__complete")).argument("[words...]");
  return command.action(async (words: string[]) => {
    const connect = async () => (await openSession(command)).client;
    // A prompt is no place for errors: without a server there are no names to offer.
    const candidates = await candidatesFor(await wholeProgram(), words, connect).catch(() => []);
    for (const candidate of candidates) printLine(candidate);
  });
}
