/** `fastvm stop`, `start` and `restart`: as by a machine's power button. */
import type { Command } from "commander";
import { wholeNumber } from "../../command-line/option-values.ts";
import { withProgress } from "../../output/progress.ts";
import { showVm } from "../../output/show-vms.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

/** Once `fastvm stop` without a VM ended the daemon, with --vms its VMs too. */
const OF_DAEMON =
  "Hint: to end the daemon: fastvm daemon stop [--vms|--delete-vms]; to stop a VM: fastvm stop <vm>";

interface StopFlags {
  readonly grace?: number;
  readonly force?: boolean;
}

export function powerCommands(): readonly Command[] {
  return [stopCommand(), startCommand(), restartCommand()];
}

function stopCommand(): Command {
  const command = withGrace(
    apiCommand<StopFlags>({
      name: "stop",
      operands: ["<vm>"],
      summary: "Have a VM power off; its disk is kept",
      run: async ({ session, operands: [vm = ""], options }) => {
        const { client, signal } = session;
        const vmId = await vmIdFor(session, vm);
        const stopping = () => client.vms.stop(vmId, graceOf(options), { signal });
        showVm(session, await withProgress("Stopping", stopping));
      },
    }),
  );
  return command.showHelpAfterError(OF_DAEMON);
}

function startCommand(): Command {
  return apiCommand<{ readonly force?: boolean }>({
    name: "start",
    operands: ["<vm>"],
    summary: "Boot a stopped VM's disk",
    configure: (command) =>
      command.option("--force", "a disk that its host lost without the check that it has to pass otherwise"),
    run: async ({ session, operands: [vm = ""], options: { force } }) => {
      const { client, signal } = session;
      const vmId = await vmIdFor(session, vm);
      showVm(session, await withProgress("Starting", () => client.vms.start(vmId, { force }, { signal })));
    },
  });
}

function restartCommand(): Command {
  return withGrace(
    apiCommand<StopFlags>({
      name: "restart",
      operands: ["<vm>"],
      summary: "Stop a VM and start it again",
      run: async ({ session, operands: [vm = ""], options }) => {
        const { client, signal } = session;
        const vmId = await vmIdFor(session, vm);
        const restarting = () => client.vms.restart(vmId, graceOf(options), { signal });
        showVm(session, await withProgress("Restarting", restarting));
      },
    }),
  );
}

function withGrace(command: Command): Command {
  return command
    .option("--grace <seconds>", "how long its guest may take before its power goes; default 30", wholeNumber)
    .option("--force", "no grace");
}

function graceOf({ grace, force }: StopFlags): { readonly graceSec?: number } {
  if (force === true) return { graceSec: 0 };
  return grace === undefined ? {} : { graceSec: grace };
}
