/** `fastvm exec`: a command in a VM, with this terminal's input and its exit code. */
import { Option } from "commander";
import type { Command } from "commander";
import type { ExecOptions } from "fastvm";
import { keyValue, positiveInteger } from "../../command-line/option-values.ts";
import { takesRemoteCommand } from "../../command-line/remote-command.ts";
import { runOnTerminal } from "../../exec/on-terminal.ts";
import { readPipedStdin } from "../../exec/piped-stdin.ts";
import { remoteCommandOf, runRemote } from "../../exec/run-remote.ts";
import { printJson, printLine } from "../../output/print.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

/** Until whoever attaches says otherwise. */
const TERMINAL = { cols: 80, rows: 24 };

type Place = Pick<ExecOptions, "timeoutSec" | "env" | "cwd" | "user">;

interface ExecCommandOptions {
  readonly timeout?: number;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly workdir?: string;
  readonly user?: string;
  readonly stdin?: boolean;
  readonly detach?: boolean;
  readonly tty?: boolean;
}

export function execCommand(): Command {
  const command = apiCommand<ExecCommandOptions>({
    name: "exec",
    operands: ["<vm>", "<command...>"],
    summary: "Run a command in a VM. One word is run by its shell; several are a program and its arguments",
    configure: (each) =>
      addExecOptions(each)
        .option("-e, --env <key=value>", "added to the command's environment; may be repeated", keyValue)
        .option("-w, --cwd <folder>", "folder to run in (default: /root)")
        .addOption(new Option("--workdir <folder>", "as docker has it").hideHelp())
        .option("-u, --user <user>", "user to run as (default: root)")
        .option("-d, --detach", "leave it running in the VM and print its id: see ps, attach and kill")
        .option(
          "-t, --tty",
          "on a terminal; with this one at it, or with -d for who attaches; Ctrl-] leaves",
        ),
    run: async ({ session, operands: [vm = "", ...words], options }) => {
      if (options.detach === true) return await startDetached(session, vm, words, options);
      const place = placeOf(options);
      if (options.tty === true) {
        if (options.stdin === true && !process.stdin.isTTY)
          throw new UserError("-it needs a terminal to type at", "For what a pipe has, leave -t away");
        process.exitCode = await runOnTerminal(
          session,
          await vmIdFor(session, vm),
          remoteCommandOf(words),
          place,
        );
        return;
      }
      const [vmId, stdin] = await Promise.all([vmIdFor(session, vm), readPipedStdin(options.stdin)]);
      const exec = { ...place, stdin };
      process.exitCode = await runRemote(session, vmId, remoteCommandOf(words), exec);
    },
  });
  return takesRemoteCommand(command, 1);
}

/** Its stdin is empty, or with `-i` stays open for whoever writes to it. */
async function startDetached(
  session: Session,
  vm: string,
  words: readonly string[],
  options: ExecCommandOptions,
): Promise<void> {
  const { client, isJson, signal } = session;
  const started = await client.vms.execs.start(
    await vmIdFor(session, vm),
    {
      command: remoteCommandOf(words),
      ...placeOf(options),
      keepStdin: options.stdin === true,
      ...(options.tty === true ? { pty: TERMINAL } : {}),
    },
    { signal },
  );
  if (isJson) printJson(started);
  else printLine(started.id);
}

/** How long, with what, where and as whom. */
function placeOf({ timeout: timeoutSec, env, cwd, workdir, user }: ExecCommandOptions): Place {
  return { timeoutSec, env, cwd: cwd ?? workdir, user };
}

/** The options that `exec` and `run` share. */
export function addExecOptions(command: Command): Command {
  return command
    .option("--timeout <seconds>", "kill the command after this time (default: never)", positiveInteger)
    .option("-i, --stdin", "send standard input, at most 16 MiB, read to its end before the command starts")
    .option("--no-stdin", "send no standard input");
}
