/** All commands, and the frame around a run of one: signals, errors and the exit code. */
import { Command, CommanderError } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { addGlobalOptions } from "./command-line/global-options.ts";
import { loadNamed, source } from "./command-line/command-source.ts";
import type { CommandSource } from "./command-line/command-source.ts";
import { fromFirstOperand, separateRemoteCommand } from "./command-line/remote-command.ts";
import { ALL_COMMANDS } from "./all-commands.ts";
import { USAGE_EXIT_CODE } from "./commands/machine/exit-codes.ts";
import { addExamples } from "./help/examples.ts";
import { interruptedExitCode } from "./interrupt.ts";
import { describeFailure, tellFailure } from "./output/failure.ts";
import { addFormatOption, applyFormat } from "./output/format-option.ts";

const AFTERWORD = `
VMs and snapshots are named by id, the first characters of one, or name.
Exit codes: that of the command in the VM for exec, run and ssh; 0 done; 1 failed, with the reason and a hint on
stderr; 130 and 143 interrupted; 141 nobody reads the output.`;

/** Old habits type them without a VM (commands/vm/power.ts). */
const WITH_WORDS_OF_THEIR_OWN: ReadonlySet<string> = new Set(["fastvm stop", "fastvm vm stop"]);

/** What needs to know all the others. */
const OF_THE_WHOLE: readonly CommandSource[] = [
  source("__complete", async () => (await import("./commands/completion.ts")).completeCommand(buildProgram)),
  source("man", async () => (await import("./commands/man.ts")).manCommand(buildProgram)),
];

/** With the commands that `line` may mean, or, without a line, with all. */
export async function buildProgram(line?: readonly string[]): Promise<Command> {
  const program = addGlobalOptions(new Command("fastvm"))
    .description("MicroVMs that launch, run, snapshot and fork")
    .version(packageJson.version)
    .showHelpAfterError("(see: fastvm --help)")
    .addHelpText("after", AFTERWORD);
  addFormatOption(program);
  const words = line === undefined ? undefined : fromFirstOperand(program, line);
  for (const command of await loadNamed([...ALL_COMMANDS, ...OF_THE_WHOLE], words))
    program.addCommand(command, { hidden: command.name().startsWith("__") });
  addFormatOption(program);
  addExamples(program);
  program.hook("preAction", (_, command) => applyFormat(command));
  throwOnExit(program);
  for (const command of program.commands) pointToHelp(command, `fastvm ${command.name()}`);
  return program;
}

/** Runs the command that `args` name; resolves to the exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const program = await buildProgram(args);
  const line = separateRemoteCommand(program, args);
  // Looked for by hand: a line that cannot be read has an error to tell, too.
  const end = line.indexOf("--");
  const wantsJson = line.slice(0, end === -1 ? undefined : end).includes("--json");
  if (wantsJson) tellUsageAsJson(program);
  try {
    await program.parseAsync(line, { from: "user" });
    return interruptedExitCode() ?? Number(process.exitCode ?? 0);
  } catch (error) {
    // Commander has printed its own message, or the help that was asked for.
    if (error instanceof CommanderError)
      return error.exitCode !== 0 && line.includes("machine") ? USAGE_EXIT_CODE : error.exitCode;
    const interrupted = interruptedExitCode();
    if (interrupted !== undefined) return interrupted;
    tellFailure(await describeFailure(error), wantsJson);
    return 1;
  }
}

/** Where a command line that cannot be read is told how it is written; but for commands that say more about it themselves. */
function pointToHelp(command: Command, words: string): void {
  if (!WITH_WORDS_OF_THEIR_OWN.has(words)) command.showHelpAfterError(`(see: ${words} --help)`);
  for (const child of command.commands) pointToHelp(child, `${words} ${child.name()}`);
}

/** A command line that cannot be read, as one object and without the help behind it. */
function tellUsageAsJson(command: Command): void {
  command.showHelpAfterError(false);
  command.configureOutput({
    outputError: (text) => tellFailure({ message: text.trim().replace(/^error: /, "") }, true),
  });
  for (const child of command.commands) tellUsageAsJson(child);
}

/** Commander would end the process in the middle; subcommands that are added do not inherit this. */
function throwOnExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwOnExit(child);
}
