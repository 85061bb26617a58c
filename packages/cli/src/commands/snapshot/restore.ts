/** `fastvm snapshot restore`: a VM that goes on where the snapshot was taken. */
import type { Command } from "commander";
import { openConsole } from "../../console/open-console.ts";
import { withProgress } from "../../output/progress.ts";
import { showVm } from "../../output/show-vms.ts";
import { apiCommand } from "../api-command.ts";
import { snapshotIdFor } from "../resolve.ts";

export function snapshotRestoreCommand(): Command {
  return apiCommand<{ readonly name?: string; readonly quiet?: boolean; readonly console?: boolean }>({
    name: "restore",
    operands: ["<snapshot>"],
    summary: "Start a VM that goes on where the snapshot was taken",
    configure: (command) =>
      command
        .option("-n, --name <name>", "name of the VM")
        .option("-q, --quiet", "print the id alone")
        .option("--console", "open the VM's console on this terminal"),
    run: async ({ session, operands: [snapshot = ""], options }) => {
      const { client, signal } = session;
      const { name, quiet } = options;
      const snapshotId = await snapshotIdFor(session, snapshot);
      const vm = await withProgress("Restoring", () =>
        client.snapshots.restore(snapshotId, { name }, { signal }),
      );
      showVm(session, vm, quiet);
      if (options.console === true) await openConsole(session, vm.id);
    },
  });
}
