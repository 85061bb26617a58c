/** API keys of this machine's daemon. A key opens one organisation through one API, and is shown once. */
import type { ApiKey } from "@fastvm/daemon";
import { Command, Option } from "commander";
import { duration, positiveInteger } from "../../command-line/option-values.ts";
import { optionsOf } from "../../command-line/global-options.ts";
import { printJson, printLine } from "../../output/print.ts";
import { renderTable } from "../../output/table.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";

interface KeyFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
  readonly org?: string;
  readonly api?: ApiKey["api"];
  readonly name?: string;
  readonly scope?: ApiKey["scopes"];
  /** In milliseconds. */
  readonly expires?: number;
  readonly rate?: number;
}

const APIS: readonly ApiKey["api"][] = ["fastvm", "nullspace", "microsandbox"];
const SCOPES: readonly ApiKey["scopes"][number][] = ["read", "run", "manage", "admin", "metrics"];

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
    .option("--name <name>", "what lists call it")
    .addOption(new Option("--api <api>", "the API that it opens").choices(APIS).default("fastvm"))
    .addOption(
      new Option(
        "--scope <scope...>",
        "what it may do (default: manage, which has run, which has read)",
      ).choices(SCOPES),
    )
    .option("--expires <duration>", "opens nothing after that: 90m, 12h, 30d (default: never)", duration)
    .option("--rate <number>", "requests a minute (default: no bound)", positiveInteger);
  return command.action(() =>
    withDaemon(async (daemon) => {
      const { json, dataDir, org, api, name, scope, expires, rate } = optionsOf<KeyFlags>(command);
      const made = await daemon.createKey(daemon.readConfig({ dataDir }).dataDir, {
        org,
        api,
        name,
        scopes: scope,
        expiresAt: expires === undefined ? undefined : new Date(Date.now() + expires).toISOString(),
        requestsPerMinute: rate,
      });
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
      const rows = keys.map(({ id, orgId, api, name = "", scopes, createdAt, lastUsedAt, expiresAt }) => [
        id,
        orgId,
        api,
        name,
        scopes.join(","),
        createdAt,
        lastUsedAt ?? "never",
        expiresAt ?? "never",
      ]);
      const columns = ["ID", "ORGANISATION", "API", "NAME", "SCOPES", "CREATED", "LAST USED", "EXPIRES"];
      printLine(renderTable(columns, rows));
    }),
  );
}

function removeCommand(): Command {
  const command = daemonCommand("revoke", "Let keys open nothing more")
    .alias("rm")
    .argument("<id...>", "as the list has them, in full");
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
