/** `fastvm exec`: a command in a VM, with this terminal's input and its exit code. */
import type { Command } from "commander";
import { keyValue, positiveInteger } from "../../command-line/option-values.ts";
import { takesRemoteCommand } from "../../command-line/remote-command.ts";
import { readPipedStdin } from "../../exec/piped-stdin.ts";
import { remoteCommandOf, runRemote } from "../../exec/run-remote.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

interface ExecCommandOptions {
  readonly timeout?: number;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly user?: string;
  readonly stdin?: boolean;
}

export function execCommand(): Command {
  const command = apiCommand<ExecCommandOptions>({
    name: "exec",
    operands: ["<vm>", "<command...>"],
    summary: "Run a command in a VM. One word is run by its shell; several are a program and its arguments",
    configure: (each) =>
      addExecOptions(each)
        .option("-e, --env <key=value>", "added to the command's environment; may be repeated", keyValue)
        .option("--cwd <folder>", "folder to run in (default: /root)")
        .option("-u, --user <user>", "user to run as (default: root)"),
    run: async ({ session, operands: [vm = "", ...words], options }) => {
      const [vmId, stdin] = await Promise.all([vmIdFor(session, vm), readPipedStdin(options.stdin)]);
      const { timeout: timeoutSec, env, cwd, user } = options;
      const exec = { timeoutSec, env, cwd, user, stdin };
      process.exitCode = await runRemote(session, vmId, remoteCommandOf(words), exec);
    },
  });
  return takesRemoteCommand(command, 1);
}

/** The options that `exec` and `run` share. */
export function addExecOptions(command: Command): Command {
  return command
    .option("--timeout <seconds>", "kill the command after this time (default: never)", positiveInteger)
    .option("-i, --stdin", "send standard input, at most 16 MiB, read to its end before the command starts")
    .option("--no-stdin", "send no standard input");
}
