/** Organisations of this machine's daemon: each has VMs, keys and a quota of its own. */
import { Command } from "commander";
import { wholeNumber } from "../../command-line/option-values.ts";
import { optionsOf } from "../../command-line/global-options.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { renderTable } from "../../output/table.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";

interface OrgFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
}

export function orgCommand(): Command {
  return new Command("org")
    .description("Work with the organisations of this machine's daemon (root only)")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(quotaCommand())
    .addCommand(removeCommand());
}

const LIMITS = [
  ["vcpu", "--vcpu <number>", "processors of its VMs together"],
  ["memoryMiB", "--memory-mib <number>", "memory of its running VMs together"],
  ["diskGiB", "--disk-gib <number>", "disks of its VMs together"],
  ["snapshotCount", "--snapshots <number>", "snapshots"],
  ["volumeCount", "--volumes <number>", "volumes"],
  ["volumeGiB", "--volume-gib <number>", "volumes' size together"],
] as const;
type Limit = (typeof LIMITS)[number][0];

/** Without a limit that is to change it only shows them. */
function quotaCommand(): Command {
  const command = daemonCommand("quota", "Show or change what an organisation may use").argument(
    "<organisation>",
    "id, name or first characters of an id",
  );
  const given: Partial<Record<Limit, number>> = {};
  for (const [limit, flags, summary] of LIMITS) {
    command.option(flags, summary, (text: string) => (given[limit] = wholeNumber(text)));
  }
  return command.action((organisation: string) =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<OrgFlags>(command);
      const limits = await daemon.setLimits(daemon.readConfig({ dataDir }).dataDir, organisation, given);
      if (json === true) printJson(limits);
      else
        printLine(
          renderTable(
            ["RESOURCE", "LIMIT"],
            LIMITS.map(([limit]) => [limit, String(limits[limit])]),
          ),
        );
    }),
  );
}

function createCommand(): Command {
  const command = daemonCommand("create", "Make an organisation and print its id").argument("<name>");
  return command.action((name: string) =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<OrgFlags>(command);
      const organisation = await daemon.createOrganisation(daemon.readConfig({ dataDir }).dataDir, name);
      if (json === true) printJson(organisation);
      else printLine(organisation.id);
    }),
  );
}

function removeCommand(): Command {
  const command = daemonCommand("rm", "Delete an organisation with its keys, events and logins")
    .argument("<organisation>", "id, name or first characters of an id")
    .option("--force", "with its VMs, snapshots and volumes; else one that has any is left as it is");
  return command.action((organisation: string) =>
    withDaemon(async (daemon) => {
      const { json, dataDir, force } = optionsOf<OrgFlags & { readonly force?: boolean }>(command);
      const folder = daemon.readConfig({ dataDir }).dataDir;
      const removing = () => daemon.removeOrganisation(folder, organisation, force === true);
      const removed = await withProgress("Deleting", removing);
      if (json === true) printJson(removed);
      else printLine(removed.id);
    }),
  );
}

function listCommand(): Command {
  const command = daemonCommand("ls", "List them, oldest first").alias("list");
  return command.action(() =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<OrgFlags>(command);
      const organisations = await daemon.listOrganisations(daemon.readConfig({ dataDir }).dataDir);
      if (json === true) {
        printJson(organisations);
        return;
      }
      const rows = organisations.map(({ id, name, createdAt }) => [id, name, createdAt]);
      printLine(renderTable(["ID", "NAME", "CREATED"], rows));
    }),
  );
}
