/** Organisations of this machine's daemon: each has VMs, keys and a quota of its own. */
import { Command } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { printJson, printLine } from "../../output/print.ts";
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
    .addCommand(listCommand());
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
