/** What this machine keeps ready for VMs of all organisations, and how to make room. */
import { Command } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { wholeNumber } from "../../command-line/option-values.ts";
import { bytes } from "../../output/format.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { renderTable } from "../../output/table.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";

interface PruneFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
  readonly images?: boolean;
  readonly unusedDays: number;
}

const DAY_MS = 86_400_000;
/** What was pulled for a task of last week may be wanted again. */
const IMAGE_DAYS = 7;

const KINDS: Readonly<Record<string, string>> = {
  images: "images that boot",
  templates: "templates",
  rootfs: "roots of base images",
  oci: "images of registries",
  builds: "caches of builds",
  compile: "translated code",
};

export function systemCommand(): Command {
  return new Command("system")
    .description("See what this machine keeps ready for VMs, and make room (root only)")
    .addCommand(dfCommand())
    .addCommand(pruneCommand());
}

function dfCommand(): Command {
  const command = daemonCommand("df", "Show what the cache takes, and what of it no daemon uses");
  return command.action(() =>
    withDaemon(async (daemon) => {
      const { json, dataDir } = optionsOf<{ dataDir?: string }>(command);
      const use = await daemon.cacheUse(daemon.readConfig({ dataDir }).dataDir);
      if (json === true) {
        printJson(use);
        return;
      }
      const rows = use.kinds.map(({ kind, entries, bytes: taken, unneeded, unneededBytes }) => [
        KINDS[kind] ?? kind,
        String(entries),
        bytes(taken),
        String(unneeded),
        bytes(unneededBytes),
      ]);
      printLine(renderTable(["KIND", "COUNT", "SIZE", "UNUSED", "SIZE"], rows));
      printLine(
        `Together ${bytes(use.bytes)} of ${bytes(use.budgetBytes)} (--cache-gib). VMs and snapshots: fastvm df`,
      );
    }),
  );
}

function pruneCommand(): Command {
  const command = daemonCommand(
    "prune",
    "Remove templates, images and caches of builds that no daemon uses; they are made again when needed",
  )
    .option("--images", "images of registries too, which have to be pulled again")
    .option("--unused-days <n>", "only what was not used for so long", wholeNumber, 0);
  return command.action(async () => {
    const { images = false } = optionsOf<PruneFlags>(command);
    await prune(command, { images, templates: true });
  });
}

export function imagePruneCommand(): Command {
  const command = daemonCommand(
    "prune",
    "Remove images of registries that were not used for long, whoever's (root only)",
  ).option("--unused-days <n>", "for so long", wholeNumber, IMAGE_DAYS);
  return command.action(() => prune(command, { images: true, templates: false }));
}

async function prune(
  command: Command,
  what: { readonly images: boolean; readonly templates: boolean },
): Promise<void> {
  const { json, dataDir, unusedDays } = optionsOf<PruneFlags>(command);
  await withDaemon(async (daemon) => {
    const folder = daemon.readConfig({ dataDir }).dataDir;
    const order = { ...what, unusedForMs: unusedDays * DAY_MS };
    const pruned = await withProgress("Removing", () => daemon.pruneCache(folder, order));
    if (json === true) printJson(pruned);
    else {
      for (const name of pruned.removed) printLine(name);
      printLine(`Removed ${bytes(pruned.bytes)}`);
    }
  });
}
