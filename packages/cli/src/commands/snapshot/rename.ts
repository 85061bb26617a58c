/** `fastvm snapshot rename`: another name for a snapshot. */
import type { Command } from "commander";
import { showSnapshot } from "../../output/show-snapshots.ts";
import { apiCommand } from "../api-command.ts";
import { snapshotIdFor } from "../resolve.ts";

export function snapshotRenameCommand(): Command {
  return apiCommand({
    name: "rename",
    operands: ["<snapshot>", "<name>"],
    summary: "Give a snapshot another name",
    run: async ({ session, operands: [snapshot = "", name = ""] }) => {
      const { client, signal } = session;
      const snapshotId = await snapshotIdFor(session, snapshot);
      showSnapshot(session, await client.snapshots.rename(snapshotId, name, { signal }));
    },
  });
}
