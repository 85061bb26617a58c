/** The examples of `fastvm machine`, as help shows them: one of each command, by its words behind `machine`. */
import type { Command } from "commander";
import { machinesCommand } from "../commands/machine/machine.ts";

/** With the line behind `fastvm`; where a command has none, with an empty one. */
export function machineExamples(): ReadonlyMap<string, string> {
  return new Map(leaves(machinesCommand()).map((command) => [nameOf(command), exampleOf(command)]));
}

/** Those that do something: one that takes an operand does, also where others are below it. */
function leaves(command: Command): readonly Command[] {
  const below = command.commands.flatMap((child) => leaves(child));
  return command.commands.length === 0 || command.registeredArguments.length > 0
    ? [command, ...below]
    : below;
}

/** With those of its groups. */
function nameOf(command: Command): string {
  const group =
    command.parent === null || command.parent.name() === "machine" ? [] : [nameOf(command.parent)];
  return [...group, command.name()].join(" ");
}

function exampleOf(command: Command): string {
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  const [, line = ""] = /^Example: fastvm (.+)$/m.exec(help) ?? [];
  return line;
}
