/**
 * `/etc/fastvm/config.toml`: what holds for all users of this machine. Most of it is for the daemon, which checks it; of that the command
 * takes where the data folder is.
 */
import { access, constants } from "node:fs/promises";
import { parseToml, readToml, stringIn } from "./toml.ts";

interface MachineSettings {
  readonly baseUrl: string | undefined;
  readonly apiKey: string | undefined;
  readonly dataDir: string | undefined;
}

export async function readMachineFile(file: string): Promise<MachineSettings> {
  // One that only root may read, as it may hold a password, says nothing to others.
  const text = (await isClosed(file)) ? "" : await readToml(file);
  const document = parseToml(file, text);
  const daemon = document["daemon"];
  const isTable = typeof daemon === "object" && daemon !== null;
  return {
    baseUrl: stringIn(file, document, "base_url"),
    apiKey: stringIn(file, document, "api_key"),
    dataDir: isTable ? stringIn(file, daemon as Record<string, unknown>, "data_dir") : undefined,
  };
}

async function isClosed(file: string): Promise<boolean> {
  try {
    await access(file, constants.R_OK);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EACCES";
  }
}
