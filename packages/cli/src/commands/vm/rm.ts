/** `fastvm rm`: deletes VMs. */
import type { Command } from "commander";
import { confirm } from "../../output/confirm.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function vmRemoveCommand(): Command {
  return apiCommand<{ readonly yes?: boolean }>({
    name: "rm",
    operands: ["<vm...>"],
    summary: "Delete VMs",
    configure: (command) => command.alias("delete").option("-y, --yes", "do not ask"),
    run: async ({ session, operands, options }) => {
      const { client, signal } = session;
      const vmIds = await Promise.all(operands.map((vm) => vmIdFor(session, vm)));
      if (options.yes !== true) await confirm(`Delete ${operands.join(", ")}?`);
      const remove = (): Promise<unknown[]> =>
        Promise.all(vmIds.map((vmId) => client.vms.delete(vmId, { signal })));
      const deleted = await withProgress("Deleting", remove);
      if (session.isJson) printJson(deleted);
      else for (const vmId of vmIds) printLine(vmId);
    },
  });
}
