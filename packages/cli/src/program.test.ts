/** Which commands are loaded for which line. */
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import type { CommandSource } from "./command-line/command-source.ts";
import { ALL_COMMANDS } from "./all-commands.ts";
import { VM_VERBS } from "./commands/vm/verbs.ts";
import { buildProgram } from "./program.ts";

const namesOf = (command: Command): readonly string[] => [command.name(), ...command.aliases()];

async function loadedFor(...line: readonly string[]): Promise<readonly string[]> {
  return (await buildProgram(line)).commands.map((command) => command.name());
}

describe("a line's commands", () => {
  it.each([
    ["behind fastvm", ALL_COMMANDS],
    ["behind fastvm vm", VM_VERBS],
  ])("%s are found by every name that they have, and by no other", async (_, sources) => {
    const made = await Promise.all(
      sources.map(async ({ load }: CommandSource) => (await load()).flatMap(namesOf)),
    );
    expect(made).toEqual(sources.map(({ names }) => names));
    const all = made.flat();
    expect(all).toEqual([...new Set(all)]);
  });

  it("are loaded alone, behind whatever options stand before them", async () => {
    expect(await loadedFor("ls")).toEqual(["ls"]);
    expect(await loadedFor("--context", "rm", "--json", "list", "--help")).toEqual(["ls"]);
    expect(await loadedFor("--format", "{{.id}}", "vm", "ls")).toEqual(["vm"]);
    const [vm] = (await buildProgram(["vm", "ls"])).commands;
    expect(vm?.commands.map((command) => command.name())).toEqual(["ls"]);
    expect((await buildProgram(["vm", "nope"])).commands[0]?.commands.length).toBeGreaterThan(15);
  });

  it("are all there for help and for what is mistyped", async () => {
    const all = await loadedFor();
    expect(all.length).toBeGreaterThan(40);
    for (const line of [["--help", "ls"], ["lss"], ["help", "vm"]])
      expect(await loadedFor(...line)).toEqual(all);
  });
});
