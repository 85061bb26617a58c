/** What runs already in every machine of a template, and how it is known to be ready. */
import { FastvmError, type TemplateDefinition } from "@fastvm/contract";
import type { NewBuild } from "../../../engine/engine.ts";

const DEFAULT_TIMEOUT_SEC = 60;

type Start = NonNullable<NewBuild["start"]>;

export function startOf({ start }: TemplateDefinition): Start | undefined {
  if (start === null || start === undefined) return undefined;
  const probes = [
    probe("port", start.wait_for_port),
    probe("url", start.wait_for_url),
    probe("command", start.wait_for_command),
  ];
  const [ready, another] = probes.flatMap((each) => (each === undefined ? [] : [each]));
  if (another !== undefined) throw invalid("waits for one thing: a port, a URL or a command");
  if (`${start.command}${start.wait_for_command ?? ""}`.includes("\0")) throw invalid("has a NUL");
  return { command: start.command, ready, timeoutSec: start.timeout_seconds ?? DEFAULT_TIMEOUT_SEC };
}

function probe(kind: "port" | "url" | "command", value: string | number | null | undefined): Start["ready"] {
  if (value === null || value === undefined) return undefined;
  if (kind === "port") return { kind, port: Number(value) };
  if (kind === "command") return { kind, command: String(value) };
  const url = String(value);
  const { protocol } = URL.parse(url) ?? {};
  if (protocol !== "http:" && protocol !== "https:") throw invalid("must wait for a URL of http or https");
  return { kind: "http", url };
}

function invalid(rule: string): FastvmError {
  return new FastvmError("invalid_request", `definition.start ${rule}`, { field: "definition.start" });
}
