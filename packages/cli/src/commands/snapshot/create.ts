/** `fastvm snapshot create`: saves a VM, which goes on. */
import type { Command } from "commander";
import { withProgress } from "../../output/progress.ts";
import { showSnapshot } from "../../output/show-snapshots.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function snapshotCreateCommand(): Command {
  return apiCommand<{ readonly name?: string; readonly quiet?: boolean }>({
    name: "create",
    operands: ["<vm>"],
    summary: "Save a VM, memory and disk; it goes on",
    configure: (command) =>
      command.option("-n, --name <name>", "name").option("-q, --quiet", "print the id alone"),
    run: async ({ session, operands: [vm = ""], options: { name, quiet } }) => {
      const { client, signal } = session;
      const vmId = await vmIdFor(session, vm);
      const create = (): ReturnType<typeof client.snapshots.create> =>
        client.snapshots.create({ vmId, name }, { signal });
      showSnapshot(session, await withProgress("Saving", create), quiet);
    },
  });
}
