/** `fastvm man`: the manual, made of the same declarations as `--help` and the completion. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { addGlobalOptions, optionsOf } from "../command-line/global-options.ts";
import { manualPage, manualPages } from "../help/manual.ts";
import { printJson, printLine } from "../output/print.ts";
import { UserError } from "../user-error.ts";

export function manCommand(wholeProgram: () => Promise<Command>): Command {
  const command = addGlobalOptions(new Command("man"))
    .description("Print a command's manual page, for man -l -; or write all of them")
    .argument("[command...]")
    .option("--all <folder>", "write the pages of all commands there, for packages: man1/fastvm.1 and so on");
  return command.action(async (words: string[]) => {
    const { all: folder, json } = optionsOf<{ readonly all?: string }>(command);
    const program = await wholeProgram();
    if (folder === undefined) {
      const [found, path] = find(program, words);
      process.stdout.write(manualPage(found, path));
      return;
    }
    const pages = manualPages(program);
    await mkdir(folder, { recursive: true });
    for (const [name, text] of pages) await writeFile(join(folder, name), text);
    if (json === true) printJson([...pages.keys()]);
    else printLine(`${pages.size} pages in ${folder}`);
  });
}

function find(program: Command, words: readonly string[]): readonly [Command, readonly string[]] {
  let command = program;
  const path: string[] = [];
  for (const word of words) {
    const child = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (child === undefined)
      throw new UserError(
        `There is no command ${JSON.stringify(words.join(" "))}`,
        "See what there is with: fastvm --help",
      );
    command = child;
    path.push(child.name());
  }
  return [command, path];
}
