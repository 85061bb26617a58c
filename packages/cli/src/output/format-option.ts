/** `--format` of every command that has answers for programs. */
import type { Command } from "commander";
import { printBy } from "./print.ts";
import { parseTemplate } from "./template.ts";

const FLAGS = "--format <template>";

/** To the whole tree, beside `--json`; not where a command means something else by it. */
export function addFormatOption(command: Command): void {
  const has = (long: string): boolean => command.options.some((option) => option.long === long);
  if (has("--json") && !has("--format"))
    command.option(FLAGS, "json, table, or fields of the answer: '{{.id}} {{.name}}'");
  for (const child of command.commands) addFormatOption(child);
}

/** Before the command's action: a format is an answer for programs, so it implies what `--json` does. */
export function applyFormat(command: Command): void {
  const asked = [command, ...ancestorsOf(command)].find(
    (each) =>
      each.options.some(({ flags }) => flags === FLAGS) && each.getOptionValue("format") !== undefined,
  );
  const format: unknown = asked?.getOptionValue("format");
  printBy(undefined);
  if (typeof format !== "string" || format === "table") return;
  if (format !== "json") printBy(parseTemplate(format));
  command.setOptionValue("json", true);
}

function ancestorsOf(command: Command): readonly Command[] {
  return command.parent === null ? [] : [command.parent, ...ancestorsOf(command.parent)];
}
