/** `fastvm quota`: what the organisation may use and what it uses. */
import type { Command } from "commander";
import { gib } from "../output/format.ts";
import { printJson, printLine } from "../output/print.ts";
import { renderTable } from "../output/table.ts";
import { apiCommand } from "./api-command.ts";

export function quotaCommand(): Command {
  return apiCommand({
    name: "quota",
    summary: "Show what may be used and what is used",
    run: async ({ session }) => {
      const quotas = await session.client.quotas.retrieve({ signal: session.signal });
      if (session.isJson) {
        printJson(quotas);
        return;
      }
      const { usage, limits, host } = quotas;
      const rows = [
        ["vCPUs", String(usage.vcpu), String(limits.vcpu)],
        ["Memory", gib(usage.memoryMiB), gib(limits.memoryMiB)],
        ["Disk", `${usage.diskGiB} GiB`, `${limits.diskGiB} GiB`],
        ["Snapshots", String(usage.snapshotCount), String(limits.snapshotCount)],
        ...(usage.volumeCount === undefined
          ? []
          : [
              ["Volumes", String(usage.volumeCount), String(limits.volumeCount)],
              ["Volumes' size", `${usage.volumeGiB} GiB`, `${limits.volumeGiB} GiB`],
            ]),
        ...(host === undefined ? [] : [["Host's memory", gib(host.promisedMemoryMiB), gib(host.memoryMiB)]]),
      ];
      printLine(renderTable(["RESOURCE", "USED", "LIMIT"], rows));
    },
  });
}
