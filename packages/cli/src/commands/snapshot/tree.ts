/** `fastvm snapshot tree`: what was taken of what, and what goes on from it. */
import type { Command } from "commander";
import { printJson, printLine } from "../../output/print.ts";
import { snapshotTree } from "../../output/snapshot-tree.ts";
import { apiCommand } from "../api-command.ts";

export function snapshotTreeCommand(): Command {
  return apiCommand({
    name: "tree",
    summary: "Show what was taken of what, and what goes on from it",
    run: async ({ session: { client, isJson, signal } }) => {
      const [snapshots, vms] = await Promise.all([
        client.snapshots.list({}, { signal }),
        client.vms.list({}, { signal }),
      ]);
      if (isJson) printJson({ snapshots, vms });
      else printLine(snapshotTree(snapshots, vms));
    },
  });
}
