/**
 * Servers that the user logged in at, by name, and which of them is meant when nothing says otherwise. Their file holds keys: it is
 * replaced in one step, and its owner alone can read it.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../user-error.ts";
import { writeWholeFile } from "./whole-file.ts";

export interface Context {
  readonly url: string;
  readonly apiKey: string;
  /** Certificates of the authority that vouches for the server, as PEM, beside those that the system has. */
  readonly ca?: string;
}

interface Contexts {
  /** Absent: the daemon of this machine, or what the config file says. */
  readonly current?: string;
  readonly byName: ReadonlyMap<string, Context>;
}

/** The daemon of this machine, at which nobody logs in. */
export const LOCAL_CONTEXT = "local";
const FILE = "contexts.json";
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export async function readContexts(configDir: string): Promise<Contexts> {
  const file = join(configDir, FILE);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new UserError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (text === undefined) return { byName: new Map() };
  try {
    const { current, contexts } = JSON.parse(text) as {
      current?: string;
      contexts: Record<string, Context>;
    };
    return { ...(current !== undefined && { current }), byName: new Map(Object.entries(contexts)) };
  } catch {
    throw new UserError(`${file} is no JSON of contexts`, `Remove it and log in again: fastvm login URL`);
  }
}

export async function writeContexts(configDir: string, { current, byName }: Contexts): Promise<void> {
  const text = JSON.stringify({ current, contexts: Object.fromEntries(byName) }, null, 2);
  await mkdir(configDir, { recursive: true, mode: 0o700 });
  const file = join(configDir, FILE);
  await writeWholeFile(file, `${text}\n`, { existingMode: "replaced" });
}

/** Throws a UserError unless there is one of that name. `undefined`: this machine. */
export function findContext({ byName }: Contexts, name: string): Context | undefined {
  if (name === LOCAL_CONTEXT) return undefined;
  const context = byName.get(name);
  if (context !== undefined) return context;
  throw new UserError(
    `There is no context ${JSON.stringify(name)}`,
    `There are: ${[LOCAL_CONTEXT, ...byName.keys()].join(", ")}. Make one with: fastvm login URL`,
  );
}

export function checkContextName(name: string): string {
  if (NAME.test(name) && name !== LOCAL_CONTEXT) return name;
  throw new UserError(
    `${JSON.stringify(name)} cannot be a context's name`,
    `Use letters, digits, ".", "_" and "-", and not "${LOCAL_CONTEXT}": --name NAME`,
  );
}
