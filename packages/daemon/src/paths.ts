/** Files of a daemon in its data folder that people and other programs look for. */
import { join } from "node:path";

/** The first API key, in plain text, for the owner of the machine. */
export function apiKeyFile(dataDir: string): string {
  return join(dataDir, "api-key");
}

/** Where a daemon that was started in the background writes. */
export function logFile(dataDir: string): string {
  return join(dataDir, "daemon.log");
}
