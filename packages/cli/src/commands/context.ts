/** `fastvm context`: which of the servers that the user logged in at is meant. */
import { Command } from "commander";
import { addGlobalOptions, optionsOf } from "../command-line/global-options.ts";
import { printJson, printLine } from "../output/print.ts";
import { renderTable } from "../output/table.ts";
import { findContext, LOCAL_CONTEXT, readContexts, writeContexts } from "../settings/contexts.ts";
import { readEnvironment } from "../settings/environment.ts";

export function contextCommand(): Command {
  const list = addGlobalOptions(new Command("ls"))
    .alias("list")
    .description("List the servers, without their keys")
    .action(() => listContexts(optionsOf(list).json === true));
  const use = addGlobalOptions(new Command("use"))
    .description(`Mean this server from now on; "${LOCAL_CONTEXT}" is the daemon of this machine`)
    .argument("<context>")
    .action((name: string) => useContext(name, optionsOf(use).json === true));
  return new Command("context")
    .description("Choose among the servers that you logged in at")
    .addCommand(list)
    .addCommand(use);
}

async function listContexts(isJson: boolean): Promise<void> {
  const { current = LOCAL_CONTEXT, byName } = await readContexts(readEnvironment().configDir);
  const all = [[LOCAL_CONTEXT, undefined] as const, ...byName].map(([name, context]) => ({
    name,
    current: name === current,
    ...(context !== undefined && { url: context.url }),
  }));
  if (isJson) printJson(all);
  else {
    const rows = all.map((each) => [each.current ? "*" : "", each.name, each.url ?? "this machine"]);
    printLine(renderTable(["", "NAME", "SERVER"], rows));
  }
}

async function useContext(name: string, isJson: boolean): Promise<void> {
  const { configDir } = readEnvironment();
  const contexts = await readContexts(configDir);
  findContext(contexts, name);
  await writeContexts(configDir, { byName: contexts.byName, current: name });
  if (isJson) printJson({ name });
  else printLine(name);
}
