/** What may stand at the end of a command line, from the commands' own declarations and the server's lists. */
import type { Command, Option } from "commander";
import type { FastvmClient } from "fastvm";

/** Somebody waits at a prompt: late answers are worth nothing. */
const PATIENCE_MS = 2000;

/** `words` are those after `fastvm`; the last one, maybe empty, is being typed. `connect` is called only for names. */
export async function candidatesFor(
  program: Command,
  words: readonly string[],
  connect: () => Promise<FastvmClient>,
): Promise<readonly string[]> {
  const typed = words.at(-1) ?? "";
  const { command, operands, awaited } = walk(program, words.slice(0, -1));
  const all = awaited
    ? (awaited.argChoices ?? [])
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
  const kind = operand?.name();
  if (kind !== "vm" && kind !== "snapshot") return [];
  const client = await connect();
  const options = { timeoutMs: PATIENCE_MS, maxRetries: 0 };
  const list = kind === "vm" ? await client.vms.list({}, options) : await client.snapshots.list({}, options);
  return list.map(({ name }) => name).filter((name) => /^[\w.@:+-]+$/.test(name));
}
