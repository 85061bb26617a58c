/**
 * Commands that are loaded when they are named: a line needs one of a hundred, and reading the others takes longer than asking the server.
 */
import type { Command } from "commander";

export interface CommandSource {
  /** Of each command that it makes, aliases too, in the order in which help shows the commands. */
  readonly names: readonly string[];
  /** `rest`: the words of the line behind the name; absent where all of the tree is asked for. */
  readonly load: (rest?: readonly string[]) => Promise<readonly Command[]>;
}

/** One whose file makes a single command. */
export function source(
  names: string,
  load: (rest?: readonly string[]) => Promise<Command | readonly Command[]>,
): CommandSource {
  return {
    names: names.split(" "),
    load: async (rest) => [await load(rest)].flat(),
  };
}

/** The commands that `words` may mean: those of one source, if the first word names it, or else all. */
export async function loadNamed(
  sources: readonly CommandSource[],
  words: readonly string[] | undefined,
): Promise<readonly Command[]> {
  const [word, ...rest] = words ?? [];
  const named = sources.find(({ names }) => word !== undefined && names.includes(word));
  if (named !== undefined) return await named.load(rest);
  return (await Promise.all(sources.map(async ({ load }) => await load()))).flat();
}
