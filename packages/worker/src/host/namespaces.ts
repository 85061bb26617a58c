/** Which namespaces this host gives us: a container or an old kernel may refuse some, and its VMs then do without. */
import { CONFINE_PATH, NAMESPACE_KINDS } from "../processes/confine.ts";
import type { NamespaceKind } from "../processes/confine.ts";
import { runTool } from "../processes/spawn.ts";

const PROBE_TIMEOUT_MS = 10_000;

export interface Namespaces {
  readonly given: ReadonlySet<NamespaceKind>;
  /** What the kernel says of the others. */
  readonly refused: ReadonlyMap<NamespaceKind, string>;
}

export async function probeNamespaces(): Promise<Namespaces> {
  const output = await runTool(CONFINE_PATH, ["--probe"], { timeoutMs: PROBE_TIMEOUT_MS });
  return parseProbe(output);
}

/** A line each: the kind, and behind it why not. */
function parseProbe(output: string): Namespaces {
  const lines = new Map(output.split("\n").map((line) => splitOnce(line, " ")));
  const given = NAMESPACE_KINDS.filter((kind) => lines.get(kind) === "");
  const refused = NAMESPACE_KINDS.filter((kind) => lines.get(kind) !== "");
  return {
    given: new Set(given),
    refused: new Map(refused.map((kind) => [kind, lines.get(kind) ?? "unknown"])),
  };
}

function splitOnce(line: string, separator: string): [string, string] {
  const at = line.indexOf(separator);
  return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
}
