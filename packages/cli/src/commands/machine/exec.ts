/** `machine exec`: a command in a machine, with its exit code. */
import type { Command } from "commander";
import { keyValue, positiveInteger } from "../../command-line/option-values.ts";
import { takesRemoteCommand } from "../../command-line/remote-command.ts";
import { printJson, printLine } from "../../output/print.ts";
import { machineCommand } from "./machine-command.ts";

interface ExecFlags {
  readonly shell?: boolean;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly timeout?: number;
  readonly background?: boolean;
}

export function machineExecCommand(): Command {
  const command = machineCommand<ExecFlags>({
    name: "exec",
    operands: ["<machine>", "<command...>"],
    summary: "Run a program with its arguments, or with --shell a line for the shell",
    example: "exec --shell MACHINE 'echo hello'",
    configure: (each) =>
      each
        .option("--shell", "the command is one line for the shell")
        .option("--cwd <folder>", "folder to run in")
        .option("--env <key=value>", "added to the command's environment; may be repeated", keyValue)
        .option("--timeout <seconds>", "kill it after this time", positiveInteger)
        .option("--background", "leave it running, and print its number"),
    run: async ({ operands: [id = "", program = "", ...args], options, isJson, api, machines }) => {
      const { shell, cwd, env: envs, timeout, background } = options;
      const params = { shell, cwd, envs, timeout, ...(args.length > 0 ? { args } : {}) };
      const { commands } = await machines.attach(id, api);
      if (background === true) {
        const { pid } = await commands.start(program, params, api);
        if (isJson) printJson({ pid });
        else printLine(String(pid));
        return;
      }
      const result = await commands.run(program, params, api);
      if (isJson) printJson(result);
      else {
        process.stdout.write(result.stdout);
        process.stderr.write(result.stderr);
      }
      process.exitCode = result.exitCode ?? 0;
    },
  });
  return takesRemoteCommand(command, 1);
}
