/** `fastvm snapshot rm`: deletes snapshots; what was restored from them lives on. */
import type { Command } from "commander";
import { confirm } from "../../output/confirm.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { apiCommand } from "../api-command.ts";
import { snapshotIdFor } from "../resolve.ts";

export function snapshotRemoveCommand(): Command {
  return apiCommand<{ readonly yes?: boolean }>({
    name: "rm",
    operands: ["<snapshot...>"],
    summary: "Delete snapshots; VMs restored from them live on",
    configure: (command) => command.option("-y, --yes", "do not ask"),
    run: async ({ session, operands, options }) => {
      const { client, signal } = session;
      const ids = await Promise.all(operands.map((snapshot) => snapshotIdFor(session, snapshot)));
      if (options.yes !== true) await confirm(`Delete ${operands.join(", ")}?`);
      const remove = () => Promise.all(ids.map((id) => client.snapshots.delete(id, { signal })));
      const deleted = await withProgress(`Deleting ${operands.join(", ")}`, remove);
      if (session.isJson) printJson(deleted);
      else for (const id of ids) printLine(id);
    },
  });
}
