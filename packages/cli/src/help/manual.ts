/** Manual pages, from the commands' own declarations: what `--help` shows, in the words of troff's man macros. */
import type { Command } from "commander";
import { examplesOf } from "./examples.ts";

/** Of a command and all below it: `fastvm.1`, `fastvm-vm-exec.1`, with their text. What is hidden has none. */
export function manualPages(program: Command): ReadonlyMap<string, string> {
  const pages = new Map<string, string>();
  const add = (command: Command, path: readonly string[]): void => {
    pages.set(`${["fastvm", ...path].join("-")}.1`, manualPage(command, path));
    for (const child of visible(command)) add(child, [...path, child.name()]);
  };
  add(program, []);
  return pages;
}

export function manualPage(command: Command, path: readonly string[]): string {
  const name = ["fastvm", ...path].join("-");
  const help = command.createHelp();
  const operands = command.registeredArguments.map((each) => {
    const text = `${each.name()}${each.variadic ? "..." : ""}`;
    return each.required ? `<${text}>` : `[${text}]`;
  });
  const usage = ["[options]", ...(visible(command).length > 0 ? ["[command]"] : []), ...operands].join(" ");
  const options = help
    .visibleOptions(command)
    .map((option) => [help.optionTerm(option), help.optionDescription(option)] as const);
  const commands = visible(command).map(
    (child) => [[child.name(), ...child.aliases()].join(", "), child.description()] as const,
  );
  const others = path.length === 0 ? [] : [["fastvm", ...path.slice(0, -1)].join("-")];
  return [
    `.TH "${name.toUpperCase()}" 1 "" "FastVM" "FastVM manual"`,
    ...section("NAME", `${roff(name)} \\- ${roff(command.description())}`),
    ...section("SYNOPSIS", `.B ${roff(["fastvm", ...path].join(" "))}`, line(usage)),
    ...section("OPTIONS", ...options.flatMap(item)),
    ...(commands.length === 0 ? [] : section("COMMANDS", ...commands.flatMap(item))),
    ...examples(path),
    ...section(
      "SEE ALSO",
      ...seeAlso([...others, ...visible(command).map((each) => `${name}-${each.name()}`)]),
    ),
    "",
  ].join("\n");
}

function visible(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== "help");
}

function section(title: string, ...lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`.SH "${title}"`, ...lines];
}

function item([term, text]: readonly [string, string]): readonly string[] {
  return [".TP", `.B ${roff(term)}`, line(text)];
}

function examples(path: readonly string[]): readonly string[] {
  const lines = examplesOf(path).map((each) => line(`fastvm ${each}`));
  return lines.length === 0 ? [] : section("EXAMPLES", ".nf", ...lines, ".fi");
}

function seeAlso(names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [line(names.map((each) => `${each}(1)`).join(", "))];
}

/** What troff would take for its own: backslashes, hyphens that are to stay such, and quotes that it would curl. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("\n", " ");
}

/** Of text: a dot at its beginning is no request. */
function line(text: string): string {
  return `\\&${roff(text)}`;
}
