/** `fastvm config`: settings that are kept in the user's file. */
import { Argument, Command } from "commander";
import { addGlobalOptions, optionsOf } from "../command-line/global-options.ts";
import { printJson, printLine } from "../output/print.ts";
import { CONFIG_KEYS, isConfigKey, readConfigFile, writeConfigValue } from "../settings/config-file.ts";
import type { ConfigKey } from "../settings/config-file.ts";
import { readEnvironment } from "../settings/environment.ts";
import { UserError } from "../user-error.ts";

export function configCommand(): Command {
  const set = addGlobalOptions(new Command("set"))
    .description(`Keep a setting in the config file (${CONFIG_KEYS.join(", ")})`)
    .addArgument(keyArgument("<key>"))
    .argument("<value>")
    .action((key: string, value: string) =>
      writeConfigValue(readEnvironment().configDir, checkKey(key), value),
    );
  const get = addGlobalOptions(new Command("get"))
    .description("Show one setting of the config file, or all")
    .addArgument(keyArgument("[key]"))
    .action((key: string | undefined) => showConfig(key, optionsOf(get).json === true));
  return new Command("config")
    .description("Keep the key and the URL in a file")
    .addCommand(set)
    .addCommand(get);
}

function keyArgument(notation: string): Argument {
  return new Argument(notation).choices([...CONFIG_KEYS]);
}

async function showConfig(key: string | undefined, isJson: boolean): Promise<void> {
  const config = await readConfigFile(readEnvironment().configDir);
  if (key === undefined) {
    if (isJson) printJson(config);
    else for (const [name, value] of Object.entries(config)) printLine(`${name} = ${value}`);
    return;
  }
  const value = config[checkKey(key)];
  if (value === undefined)
    throw new UserError(`${key} is not set`, `Set it with: fastvm config set ${key} VALUE`);
  if (isJson) printJson(value);
  else printLine(value);
}

function checkKey(name: string): ConfigKey {
  if (isConfigKey(name)) return name;
  throw new UserError(`There is no setting ${JSON.stringify(name)}`, `There are: ${CONFIG_KEYS.join(", ")}`);
}
