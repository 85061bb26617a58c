/** Why a daemon cannot start, in one line for whoever starts it. */
import type { DaemonConfig } from "./config.ts";

export class StartFailure extends Error {}

/** What a detached daemon's last words begin with, by which the one that started it finds them in the log. */
export const LAST_WORDS = "fastvm cannot start: ";

/** The cause that all others come from: the others only say where it was met. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return oneLine(error.message === "" ? code : error.message);
}

export function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, "; ").trim();
}

export function portFailure(
  { host, port }: Pick<DaemonConfig, "host" | "port">,
  error: unknown,
): StartFailure {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const at = `Port ${port} of ${host}`;
  const reason =
    code === "EADDRINUSE"
      ? `${at} is taken by another program; end it, or choose another with --port`
      : code === "EADDRNOTAVAIL" || code === "ENOTFOUND"
        ? `This machine has no address ${host}; choose another with --host`
        : `${at} cannot be listened on: ${reasonOf(error)}`;
  return new StartFailure(reason, { cause: error });
}

export function databaseFailure(databaseUrl: string | undefined, file: string, error: unknown): StartFailure {
  const what = databaseUrl === undefined ? `records in ${file}` : `database ${withoutSecrets(databaseUrl)}`;
  return new StartFailure(`The ${what} cannot be used: ${reasonOf(error)}`, { cause: error });
}

/** Passwords may stand in the query, too. */
function withoutSecrets(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? "(its URL is not valid)" : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

export function folderFailure(folder: string, error: unknown): StartFailure {
  return new StartFailure(`The folder ${folder} cannot be used: ${reasonOf(error)}`, { cause: error });
}
