/** `machine code run`: a piece of a program, by the interpreter of its language in the machine. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { Command, Option } from "commander";
import { positiveInteger } from "../../command-line/option-values.ts";
import { printJson } from "../../output/print.ts";
import { UserError } from "../../user-error.ts";
import { machineCommand } from "./machine-command.ts";

/** The program, and what stands before the code. */
const INTERPRETERS = {
  python: ["python3", "-c"],
  javascript: ["node", "-e"],
  bash: ["bash", "-c"],
} as const;

interface RunFlags {
  readonly language: keyof typeof INTERPRETERS;
  readonly file?: string;
  readonly timeout?: number;
  readonly cwd?: string;
}

export function codeCommand(): Command {
  const run = machineCommand<RunFlags>({
    name: "run",
    operands: ["<machine>", "[code]"],
    summary: "Run code in a process of its own; nothing of it is left for the next run but files",
    example: "code run MACHINE 'print(6 * 7)'",
    configure: (command) =>
      command
        .addOption(
          new Option("--language <language>", "whose interpreter the machine has")
            .choices(Object.keys(INTERPRETERS))
            .default("python"),
        )
        .option("--file <file>", "the code is in this file of this machine; - is stdin")
        .option("--cwd <folder>", "folder to run in")
        .option("--timeout <seconds>", "kill it after this time", positiveInteger),
    run: async ({ operands: [id = "", given], options, isJson, api, machines }) => {
      const { language, file, timeout, cwd } = options;
      const code = given ?? (file === undefined ? undefined : await readCode(file));
      if (code === undefined || (given !== undefined && file !== undefined)) {
        throw new UserError("There must be one piece of code", "Give it behind the machine, or by --file");
      }
      const [program, flag] = INTERPRETERS[language];
      const { commands } = await machines.attach(id, api);
      const result = await commands.run(program, { args: [flag, code], timeout, cwd }, api);
      if (isJson) printJson(result);
      else {
        process.stdout.write(result.stdout);
        process.stderr.write(result.stderr);
      }
      process.exitCode = result.exitCode ?? 0;
    },
  });
  return new Command("code").description("Run code in a machine").addCommand(run);
}

function readCode(file: string): Promise<string> {
  return file === "-" ? text(process.stdin) : readFile(file, "utf8");
}
