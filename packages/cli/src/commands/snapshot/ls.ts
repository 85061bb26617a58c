/** `fastvm snapshot ls`: the organisation's snapshots. */
import type { Command } from "commander";
import type { Snapshot } from "fastvm";
import { printJson, printLine } from "../../output/print.ts";
import { snapshotTable } from "../../output/show-snapshots.ts";
import type { Session } from "../../session.ts";
import { apiCommand } from "../api-command.ts";

export function snapshotListCommand(): Command {
  return apiCommand<{ readonly quiet?: boolean; readonly size?: boolean }>({
    name: "ls",
    summary: "List snapshots",
    configure: (command) =>
      command
        .alias("list")
        .option("-q, --quiet", "print full ids alone")
        .option("-s, --size", "with what each takes of the disk, and what comes free with it"),
    run: async ({ session, options: { quiet, size } }) => {
      const snapshots = await session.client.snapshots.list({}, { signal: session.signal });
      if (size === true && quiet !== true) return await showSizes(session, snapshots);
      if (session.isJson) printJson(snapshots);
      else if (quiet !== true) printLine(snapshotTable(snapshots));
      else for (const { id } of snapshots) printLine(id);
    },
  });
}

async function showSizes({ client, isJson, signal }: Session, snapshots: readonly Snapshot[]): Promise<void> {
  const usage = await client.diskUsage.retrieve({ signal });
  const sizes = new Map(usage.snapshots.map(({ id, ...size }) => [id, size]));
  if (isJson) printJson(snapshots.map((snapshot) => ({ ...snapshot, ...sizes.get(snapshot.id) })));
  else printLine(snapshotTable(snapshots, sizes));
}
