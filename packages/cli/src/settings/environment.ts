/** The one place where the CLI reads its environment. An empty variable counts as unset. */
import { homedir } from "node:os";
import { join } from "node:path";

export interface Environment {
  readonly apiKey: string | undefined;
  readonly baseUrl: string | undefined;
  /** Name of one. */
  readonly context: string | undefined;
  /** Where `config.toml` and the contexts lie. */
  readonly configDir: string;
  readonly cacheDir: string;
  readonly homeDir: string;
  /** The local daemon's data, where it is said here. */
  readonly dataDir: string | undefined;
  /** What holds for all users of this machine. */
  readonly machineFile: string;
}

const DEFAULT_MACHINE_FILE = "/etc/fastvm/config.toml";

export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const setting = (name: string): string | undefined => env[name] || undefined;
  const home = setting("HOME") ?? homedir();
  return {
    apiKey: setting("FASTVM_API_KEY"),
    baseUrl: setting("FASTVM_BASE_URL"),
    context: setting("FASTVM_CONTEXT"),
    configDir: join(setting("XDG_CONFIG_HOME") ?? join(home, ".config"), "fastvm"),
    homeDir: home,
    cacheDir: join(setting("XDG_CACHE_HOME") ?? join(home, ".cache"), "fastvm"),
    dataDir: setting("FASTVM_DATA_DIR"),
    machineFile: setting("FASTVM_CONFIG_FILE") ?? DEFAULT_MACHINE_FILE,
  };
}

/** One that the person named. */
export function environmentVariable(name: string): string | undefined {
  return process.env[name];
}
