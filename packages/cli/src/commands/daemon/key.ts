/** API keys of this machine's daemon. A key opens one organisation through one API, and is shown once. */
import type { ApiKey } from "@fastvm/daemon";
import { Command, Option } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { printJson, printLine } from "../../output/print.ts";
import { renderTable } from "../../output/table.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";

interface KeyFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
  readonly org?: string;
  readonly api?: ApiKey["api"];
}

const APIS: readonly ApiKey["api"][] = ["fastvm", "nullspace", "microsandbox"];

export function keyCommand(): Command {
  return new Command("key")
    .description("Work with the API keys of this machine's daemon (root only)")
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(removeCommand());
}

function createCommand(): Command {
  const command = daemonCommand("create", "Make a key and print it; it is not shown again")
    .option("--org <organisation>", "id, name or first characters of an id (default: the first one)")
    .addOption(new Option("--api <api>", "the API that it opens").choices(APIS).default("fastvm"));
  return command.action(() =>
    withDaemon(async (daemon) => {
      const { json, dataDir, org, api } = optionsOf<KeyFlags>(command);
      const made = await daemon.createKey(daemon.readConfig({ dataDir }).dataDir, { org, api });
      if (json === true) printJson(made);
      else printLine(made.key);
    }),
  );
}

function listCommand(): Command {
  const command = daemonCommand("ls", "List them without what is secret, oldest first")
    .alias("list")
    .option("--org <organisation>", "of this one only");
  return command.action(() =>
    withDaemon(async (daemon) => {
      const { json, dataDir, org } = optionsOf<KeyFlags>(command);
      const keys = await daemon.listKeys(daemon.readConfig({ dataDir }).dataDir, org);
      if (json === true) {
        printJson(keys);
        return;
      }
      const rows = keys.map(({ id, orgId, api, createdAt }) => [id, orgId, api, createdAt]);
      printLine(renderTable(["ID", "ORGANISATION", "API", "CREATED"], rows));
    }),
  );
}

function removeCommand(): Command {
  const command = daemonCommand("rm", "Let keys open nothing more").argument(
    "<id...>",
    "as the list has them, in full",
  );
  return command.action((ids: string[]) =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<KeyFlags>(command);
      const folder = daemon.readConfig({ dataDir }).dataDir;
      for (const id of ids) await daemon.removeKey(folder, id);
      if (json === true) printJson(ids);
      else for (const id of ids) printLine(id);
    }),
  );
}
