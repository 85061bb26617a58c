/** `fastvm run`: one command in a VM that lives as long as it does. */
import type { Command } from "commander";
import { takesRemoteCommand } from "../../command-line/remote-command.ts";
import { readPipedStdin } from "../../exec/piped-stdin.ts";
import { remoteCommandOf, runRemote } from "../../exec/run-remote.ts";
import { publish } from "../../forward/publish.ts";
import { apiCommand } from "../api-command.ts";
import { addExecOptions } from "./exec.ts";
import { addLaunchOptions, launchVm } from "./launch.ts";
import type { LaunchOptions } from "./launch.ts";

interface RunOptions extends LaunchOptions {
  readonly timeout?: number;
  readonly stdin?: boolean;
}

export function runCommand(): Command {
  const command = apiCommand<RunOptions>({
    name: "run",
    operands: ["<command...>"],
    summary: "Run a command in a fresh VM, which is deleted afterwards",
    configure: (each) =>
      addExecOptions(addLaunchOptions(each)).option(
        "-s, --snapshot <snapshot>",
        "restore this snapshot for it",
      ),
    run: async ({ session, operands, options }) => {
      const stdin = await readPipedStdin(options.stdin);
      // A launch that is given up may still make its VM, and nobody would know its id: an interrupt waits for it.
      const vm = await launchVm({ ...session, signal: new AbortController().signal }, options);
      try {
        await using _forwards = await publish(session, vm.id, options);
        const exec = { timeoutSec: options.timeout, stdin };
        process.exitCode = await runRemote(session, vm.id, remoteCommandOf(operands), exec);
      } finally {
        // Without the interrupt's signal: a Ctrl-C ends the command, and the VM still has to go.
        await session.client.vms.delete(vm.id);
      }
    },
  });
  return takesRemoteCommand(command, 0);
}
