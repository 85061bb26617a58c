/** What may stand at the end of a command line, from the commands' own declarations and the server's lists. */
import type { Command, Option } from "commander";
import type { FastvmClient } from "fastvm";
import { LOCAL_CONTEXT, readContexts } from "../settings/contexts.ts";
import { readEnvironment } from "../settings/environment.ts";

/** Somebody waits at a prompt: late answers are worth nothing. */
const PATIENCE_MS = 2000;

type Call = { readonly timeoutMs: number; readonly maxRetries: number };

const LISTS: Readonly<Record<string, (client: FastvmClient, call: Call) => Promise<readonly string[]>>> = {
  vm: async (client, call) => (await client.vms.list({}, call)).map(({ name }) => name),
  snapshot: async (client, call) => (await client.snapshots.list({}, call)).map(({ name }) => name),
  volume: async (client, call) => (await client.volumes.list(call)).map(({ name }) => name),
  fingerprint: async (client, call) =>
    (await client.me.sshKeys.list(call)).keys.map(({ fingerprint }) => fingerprint),
};

/** Of options that take others, too, by their long names in camel case. */
const USUAL_VALUES: Readonly<Record<string, readonly string[]>> = {
  machine: ["c1m1", "c1m2", "c2m4", "c4m8", "c8m16"],
  status: ["provisioning", "running", "pausing", "paused", "resuming", "stopped", "deleting", "error"],
  logLevel: ["trace", "debug", "info", "warn", "error", "silent"],
  network: ["on", "none"],
  rule: ["tcp:22", "tcp:80", "tcp:443"],
};

/** `words` are those after `fastvm`; the last one, maybe empty, is being typed. `connect` is called only for names. */
export async function candidatesFor(
  program: Command,
  words: readonly string[],
  connect: () => Promise<FastvmClient>,
): Promise<readonly string[]> {
  const typed = words.at(-1) ?? "";
  const { command, operands, awaited } = walk(program, words.slice(0, -1));
  const all = awaited
    ? await valuesOf(awaited, connect)
    : typed.startsWith("-")
      ? optionNames(command)
      : await operandsOf(command, operands, connect);
  return all.filter((candidate) => candidate.startsWith(typed));
}

interface Position {
  readonly command: Command;
  /** How many operands of it are complete. */
  readonly operands: number;
  /** The word being typed is the value of this option. */
  readonly awaited: Option | undefined;
}

function walk(program: Command, words: readonly string[]): Position {
  let [command, operands] = [program, 0];
  let awaited: Option | undefined;
  for (const word of words) {
    if (awaited !== undefined) {
      awaited = undefined;
    } else if (word.startsWith("-")) {
      awaited = command.options.find(
        ({ long, short, required }) => required && (long === word || short === word),
      );
    } else {
      const child = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
      if (child === undefined) operands += 1;
      else command = child;
    }
  }
  return { command, operands, awaited };
}

function optionNames(command: Command): string[] {
  return [...command.options.flatMap(({ long }) => (long == null ? [] : [long])), "--help"];
}

async function operandsOf(
  command: Command,
  operands: number,
  connect: () => Promise<FastvmClient>,
): Promise<readonly string[]> {
  if (command.commands.length > 0) return command.commands.map((each) => each.name());
  const last = command.registeredArguments.at(-1);
  const operand = command.registeredArguments[operands] ?? (last?.variadic === true ? last : undefined);
  if (operand?.argChoices !== undefined) return operand.argChoices;
  return await namesOf(operand?.name(), connect);
}

/** What an option takes: its choices, the usual values of its kind, or names of the server's. */
async function valuesOf(option: Option, connect: () => Promise<FastvmClient>): Promise<readonly string[]> {
  if (option.argChoices !== undefined) return option.argChoices;
  const kind = /<(.*)>/.exec(option.flags)?.[1];
  return USUAL_VALUES[option.attributeName()] ?? (await namesOf(kind, connect));
}

/** What the server has of a kind, by the name that operands and options have for it. */
async function namesOf(
  kind: string | undefined,
  connect: () => Promise<FastvmClient>,
): Promise<readonly string[]> {
  const list = kind === undefined ? undefined : LISTS[kind];
  if (kind === "context")
    return [LOCAL_CONTEXT, ...(await readContexts(readEnvironment().configDir)).byName.keys()];
  if (list === undefined) return [];
  const names = await list(await connect(), { timeoutMs: PATIENCE_MS, maxRetries: 0 });
  return names.filter((name) => /^[\w.@:+/-]+$/.test(name));
}
