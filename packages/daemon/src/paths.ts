/** Files of a daemon in its data folder that people and other programs look for. */
import { join } from "node:path";

/** Where the daemon serves root: the host's figures at `/metrics`, VMs of all organisations. */
export function operatorSocket(dataDir: string): string {
  return join(dataDir, "operator.sock");
}

/** The first API key, in plain text, for the owner of the machine. */
export function apiKeyFile(dataDir: string): string {
  return join(dataDir, "api-key");
}

/** The records, where they are in SQLite. */
export function databaseFile(dataDir: string): string {
  return join(dataDir, "fastvm.db");
}

/** Names the daemon that has the folder now. */
export function instanceFile(dataDir: string): string {
  return join(dataDir, "daemon.json");
}

/** Locked while somebody judges who has the folder, and empty. Never removed: two would lock two files of that name. */
export function folderLockFile(dataDir: string): string {
  return join(dataDir, "daemon.lock");
}

/** What its operator says of registries; need not be there. */
export function registriesFile(dataDir: string): string {
  return join(dataDir, "registries.json");
}

/** Seals secrets of organisations, where the operator names no other file. */
export function sealingKeyFile(dataDir: string): string {
  return join(dataDir, "sealing-key");
}

/** Where a daemon that was started in the background writes. */
export function logFile(dataDir: string): string {
  return join(dataDir, "daemon.log");
}

/** What is on its way between clients and VMs. */
export function stagingFolder(dataDir: string): string {
  return join(dataDir, "staging");
}

/** What commands of sandboxes print, a folder for each. */
export function sandboxLogFolder(dataDir: string): string {
  return join(dataDir, "sandbox-logs");
}
