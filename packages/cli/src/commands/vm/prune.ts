/** `fastvm prune`: deletes the VMs and snapshots that are of no more use. */
import type { Command } from "commander";
import type { Snapshot, Vm } from "fastvm";
import { keyValue } from "../../command-line/option-values.ts";
import { confirm } from "../../output/confirm.ts";
import { shortId } from "../../output/format.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { renderTable } from "../../output/table.ts";
import type { Session } from "../../session.ts";
import { apiCommand } from "../api-command.ts";

interface PruneOptions {
  readonly stopped?: boolean;
  readonly paused?: boolean;
  readonly metadata?: Record<string, string>;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

interface Useless {
  readonly vms: readonly Vm[];
  readonly snapshots: readonly Snapshot[];
}

export function pruneCommand(): Command {
  return apiCommand<PruneOptions>({
    name: "prune",
    summary: "Delete the VMs and snapshots that have failed; those that can go on only when it is said",
    configure: (command) =>
      command
        .option("--stopped", "VMs that are stopped, too, with their disks")
        .option("--paused", "VMs that are paused, too, with their memory")
        .option(
          "--metadata <key=value>",
          "only VMs with this label, and no snapshots; may be repeated",
          keyValue,
        )
        .option("--dry-run", "only show them")
        .option("-y, --yes", "do not ask"),
    run: async ({ session, options }) => {
      const found = await findUseless(session, options);
      const count = found.vms.length + found.snapshots.length;
      if (!session.isJson) printLine(count === 0 ? "There is nothing to delete" : tableOf(found));
      if (options.dryRun !== true && count > 0) {
        if (options.yes !== true) await confirm(`Delete ${count === 1 ? "this" : `these ${count}`}?`);
        await withProgress("Deleting", () => deleteAll(session, found));
      }
      if (session.isJson) printJson(idsOf(found));
    },
  });
}

async function findUseless({ client, signal }: Session, options: PruneOptions): Promise<Useless> {
  const statuses = [
    "error",
    ...(options.stopped === true ? ["stopped"] : []),
    ...(options.paused === true ? ["paused"] : []),
  ];
  const { metadata } = options;
  const vms = await client.vms.list({ status: statuses.join(","), metadata }, { signal });
  if (metadata !== undefined) return { vms, snapshots: [] };
  const snapshots = await client.snapshots.list({}, { signal });
  return { vms, snapshots: snapshots.filter(({ status }) => status === "error") };
}

/** VMs first, one after the other: what could not be deleted is told, and the rest stays. */
async function deleteAll({ client, signal }: Session, { vms, snapshots }: Useless): Promise<void> {
  for (const vm of vms) await client.vms.delete(vm, { signal }).catch(ignoreGone);
  for (const snapshot of snapshots) await client.snapshots.delete(snapshot, { signal }).catch(ignoreGone);
}

function ignoreGone(error: unknown): undefined {
  if (error instanceof Error && "status" in error && error.status === 404) return undefined;
  throw error;
}

function tableOf({ vms, snapshots }: Useless): string {
  const row =
    (kind: string) =>
    ({ id, name, status }: Vm | Snapshot) => [kind, shortId(id), name, status];
  return renderTable(
    ["KIND", "ID", "NAME", "STATUS"],
    [...vms.map(row("vm")), ...snapshots.map(row("snapshot"))],
  );
}

function idsOf({ vms, snapshots }: Useless): object {
  return { vms: vms.map(({ id }) => id), snapshots: snapshots.map(({ id }) => id) };
}
