/** Plays the table of calls (calls.json) by the TypeScript SDK: by name, with the arguments laid out as its methods take them. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BackgroundExecEvent, FastvmClient } from "fastvm";

export interface Call {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly body?: unknown;
    /** Of one that is not JSON. */
    readonly text?: string;
    readonly accept?: string;
  };
  readonly answer: {
    readonly status: number;
    readonly body?: unknown;
    readonly text?: string;
    /** Of a stream. */
    readonly lines?: readonly unknown[];
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly result?: unknown;
  readonly error?: { readonly class: string; readonly status: number; readonly code: string };
  readonly keep?: Readonly<Record<string, string>>;
}

/** Ids, by the words that stand for them in braces. */
export type Names = Readonly<Record<string, string>>;

interface Table {
  readonly wire: Names;
  readonly calls: readonly Call[];
}

export const TABLE = JSON.parse(
  readFileSync(fileURLToPath(new URL("./calls.json", import.meta.url)), "utf8"),
) as Table;

/** What goes before the object with the rest. */
const POSITIONAL: Readonly<Record<string, readonly string[]>> = {
  "vms.run": ["vm", "command"],
  "vms.stream": ["vm", "command"],
  "vms.files.read": ["vm", "path"],
  "vms.files.write": ["vm", "path", "content"],
  "vms.files.list": ["vm", "path"],
  "vms.files.stat": ["vm", "path"],
  "vms.files.exists": ["vm", "path"],
  "vms.files.makeDir": ["vm", "path"],
  "vms.files.remove": ["vm", "path"],
  "vms.files.rename": ["vm", "path", "newPath"],
  "vms.files.setMode": ["vm", "path", "mode"],
  "vms.files.watch": ["vm", "path"],
  "vms.services.update": ["vm", "serviceName"],
  "vms.services.delete": ["vm", "serviceName"],
  "vms.sshKeys.delete": ["vm", "fingerprint"],
  "images.retrieve": ["image"],
  "images.delete": ["image"],
  "keys.revoke": ["keyId"],
  "registries.set": ["registry"],
  "registries.retrieve": ["registry"],
  "registries.delete": ["registry"],
  ...Object.fromEntries(
    ["retrieve", "output", "follow", "writeStdin", "signal", "resize", "delete"].map((name) => [
      `vms.execs.${name}`,
      ["vm", "execId"],
    ]),
  ),
  ...Object.fromEntries(
    ["read", "stat", "list", "makeDir", "remove", "watch"].map((name) => [
      `volumes.files.${name}`,
      ["volume", "path"],
    ]),
  ),
  "volumes.files.write": ["volume", "path", "content"],
  "volumes.files.copy": ["volume", "path", "newPath"],
  "volumes.files.rename": ["volume", "path", "newPath"],
  "vms.bucketMounts.retrieve": ["vm", "bucketMountId"],
  "vms.bucketMounts.update": ["vm", "bucketMountId"],
  "vms.bucketMounts.delete": ["vm", "bucketMountId"],
  "webhooks.delivery": ["webhook", "deliveryId"],
  "webhooks.replayDelivery": ["webhook", "deliveryId"],
  "snapshots.create": [],
};
const SUBJECTS = ["vm", "snapshot", "build", "volume", "webhook"];

/** The result as the table has it: a stream is the list of its events. */
export async function play(client: FastvmClient, call: Call, names: Names): Promise<unknown> {
  const given = filled(call.arguments, names) as Record<string, unknown>;
  const first = POSITIONAL[call.name] ?? SUBJECTS.filter((name) => name in given);
  const rest = Object.entries(given).filter(([name]) => !first.includes(name));
  const params = Object.fromEntries(rest.map(([name, value]) => [name === "vm" ? "vmId" : name, value]));
  const args = [...first.map((name) => given[name]), ...(rest.length === 0 ? [] : [params])];
  const result = invoke(client, call.name.split("."), args);
  return isStream(result) ? (await Array.fromAsync(result)).map(eventOf) : await result;
}

function invoke(target: unknown, path: readonly string[], args: readonly unknown[]): unknown {
  const [name = "", ...rest] = path;
  const value: unknown = Reflect.get(Object(target), name);
  if (rest.length > 0) return invoke(value, rest, args);
  if (typeof value !== "function") throw new TypeError(`there is no method ${name}`);
  return Reflect.apply(value, target, args);
}

function isStream(value: unknown): value is AsyncIterable<BackgroundExecEvent> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function eventOf(event: BackgroundExecEvent): object {
  return event.type === "exit" || event.type === "place"
    ? event
    : { type: event.type, data: new TextDecoder().decode(event.data) };
}

/** With ids in place of the words in braces. */
export function filled(value: unknown, names: Names): unknown {
  if (typeof value === "string") {
    return value.replaceAll(/\{(\w+)\}/g, (word, name: string) => names[name] ?? word);
  }
  if (Array.isArray(value)) return value.map((each) => filled(each, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(each, names)]));
}

/** Where the result lacks what is expected; nothing when all of it is there. */
export function missing(result: unknown, expected: unknown, path = "result"): string[] {
  if (expected === "*") return result === undefined || result === null ? [path] : [];
  if (Array.isArray(expected)) {
    if (!Array.isArray(result) || result.length !== expected.length) return [path];
    return expected.flatMap((each, at) => missing(result[at], each, `${path}[${at}]`));
  }
  if (typeof expected !== "object" || expected === null) {
    return (result ?? null) === (expected ?? null) ? [] : [path];
  }
  if (typeof result !== "object" || result === null) return [path];
  return Object.entries(expected).flatMap(([key, each]) =>
    missing(Reflect.get(result, key), each, `${path}.${key}`),
  );
}
