/** `fastvm df`: what VMs and snapshots take of the host's disk. */
import type { Command } from "commander";
import type { DiskShare } from "fastvm";
import { bytes, shortId } from "../output/format.ts";
import { printJson, printLine } from "../output/print.ts";
import { renderTable } from "../output/table.ts";
import type { Session } from "../session.ts";
import { apiCommand } from "./api-command.ts";

export function dfCommand(): Command {
  return apiCommand({
    name: "df",
    summary: "Show what VMs and snapshots take of the disk, and what comes free with each",
    run: async ({ session }) => {
      const usage = await session.client.diskUsage.retrieve({ signal: session.signal });
      if (session.isJson) {
        printJson(usage);
        return;
      }
      const names = await namesOf(session);
      const rows = [
        ...usage.vms.map((share) => row("vm", share, names)),
        ...usage.snapshots.map((share) => row("snapshot", share, names)),
      ];
      printLine(renderTable(["KIND", "ID", "NAME", "USED", "OWN"], rows));
      const { freeBytes, totalBytes } = usage.host;
      printLine(`Together ${bytes(usage.usedBytes)}; ${bytes(freeBytes)} of ${bytes(totalBytes)} are free.`);
    },
  });
}

async function namesOf({ client, signal }: Session): Promise<ReadonlyMap<string, string>> {
  const [vms, snapshots] = await Promise.all([
    client.vms.list({}, { signal }),
    client.snapshots.list({}, { signal }),
  ]);
  return new Map([...vms, ...snapshots].map(({ id, name }) => [id, name]));
}

function row(
  kind: string,
  { id, usedBytes, ownBytes }: DiskShare,
  names: ReadonlyMap<string, string>,
): string[] {
  return [kind, shortId(id), names.get(id) ?? "-", bytes(usedBytes), bytes(ownBytes)];
}
