/** `fastvm snapshot create`: saves a VM, which goes on. */
import type { Command } from "commander";
import { bytes } from "../../output/format.ts";
import { remark } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { showSnapshot } from "../../output/show-snapshots.ts";
import { apiCommand } from "../api-command.ts";
import { vmIdFor } from "../resolve.ts";

export function snapshotCreateCommand(): Command {
  return apiCommand<{ readonly name?: string; readonly reclaim?: boolean; readonly quiet?: boolean }>({
    name: "create",
    operands: ["<vm>"],
    summary: "Save a VM, memory and disk; it goes on",
    configure: (command) =>
      command
        .option("-n, --name <name>", "name")
        .option("--reclaim", "drop the VM's page cache, and leave out the memory that it has free")
        .option("-q, --quiet", "print the id alone"),
    run: async ({ session, operands: [vm = ""], options: { name, reclaim, quiet } }) => {
      const { client, signal } = session;
      const vmId = await vmIdFor(session, vm);
      const create = (): ReturnType<typeof client.snapshots.create> =>
        client.snapshots.create({ vmId, name, reclaim }, { signal });
      const snapshot = await withProgress("Saving", create);
      showSnapshot(session, snapshot, quiet);
      if (reclaim === true) remark(reclaimed(snapshot.reclaimedBytes ?? undefined));
    },
  });
}

function reclaimed(leftOut: number | undefined): string {
  return leftOut === undefined
    ? "Nothing was left out: of this VM it could not be told what is free"
    : `${bytes(leftOut)} of free memory left out`;
}
