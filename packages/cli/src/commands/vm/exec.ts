/** `fastvm exec`: a command in a VM, with this terminal's input and its exit code. */
import type { Command } from "commander";
import { keyValue, positiveInteger } from "../../command-line/option-values.ts";
import { takesRemoteCommand } from "../../command-line/remote-command.ts";
import { readPipedStdin } from "../../exec/piped-stdin.ts";
import { remoteCommandOf, runRemote } from "../../exec/run-remote.ts";
import { printJson, printLine } from "../../output/print.ts";
import type { Session } from "../../session.ts";
import { UserError } from "../../user-error.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

/** Until whoever attaches says otherwise. */
const TERMINAL = { cols: 80, rows: 24 };

interface ExecCommandOptions {
  readonly timeout?: number;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
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
        .option("--cwd <folder>", "folder to run in (default: /root)")
        .option("-u, --user <user>", "user to run as (default: root)")
        .option("-d, --detach", "leave it running in the VM and print its id: see ps, attach and kill")
        .option("-t, --tty", "with -d: on a terminal of its own"),
    run: async ({ session, operands: [vm = "", ...words], options }) => {
      if (options.detach === true) return await startDetached(session, vm, words, options);
      if (options.tty === true)
        throw new UserError("-t is for -d", "For a shell on this terminal use: fastvm console VM");
      const [vmId, stdin] = await Promise.all([vmIdFor(session, vm), readPipedStdin(options.stdin)]);
      const { timeout: timeoutSec, env, cwd, user } = options;
      const exec = { timeoutSec, env, cwd, user, stdin };
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
  const { timeout: timeoutSec, env, cwd, user, tty } = options;
  const started = await client.vms.execs.start(
    await vmIdFor(session, vm),
    {
      command: remoteCommandOf(words),
      timeoutSec,
      env,
      cwd,
      user,
      keepStdin: options.stdin === true,
      ...(tty === true ? { pty: TERMINAL } : {}),
    },
    { signal },
  );
  if (isJson) printJson(started);
  else printLine(started.id);
}

/** The options that `exec` and `run` share. */
export function addExecOptions(command: Command): Command {
  return command
    .option("--timeout <seconds>", "kill the command after this time (default: never)", positiveInteger)
    .option("-i, --stdin", "send standard input, at most 16 MiB, read to its end before the command starts")
    .option("--no-stdin", "send no standard input");
}
