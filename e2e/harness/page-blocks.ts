/** The code blocks of a Markdown page, and the script that runs them from top to bottom as a reader would. */

interface Block {
  readonly language: string;
  readonly code: string;
  /** Of the fence that opens it. */
  readonly line: number;
  /** Why it cannot run in a test, from a comment `<!-- not run: … -->` right above it. */
  readonly notRunBecause?: string;
}

const FENCE = /^```(.*)$/;
const NOT_RUN = /^<!-- not run: (.+) -->$/;

export function blocksOf(page: string): readonly Block[] {
  const lines = page.split("\n");
  const fences = lines.flatMap((text, index) => (FENCE.test(text) ? [index] : []));
  if (fences.length % 2 !== 0) throw new Error("a block does not end");
  const pairs = fences.flatMap((open, index) => (index % 2 === 0 ? [[open, fences[index + 1] ?? open]] : []));
  return pairs.map(([open = 0, close = 0]) => {
    const reason = NOT_RUN.exec(lines[open - 1] ?? "")?.[1];
    return {
      language: FENCE.exec(lines[open] ?? "")?.[1] ?? "",
      code: `${lines.slice(open + 1, close).join("\n")}\n`,
      line: open + 1,
      ...(reason === undefined ? {} : { notRunBecause: reason }),
    };
  });
}

/** Programs become modules of plain JavaScript, so that older versions of Node run them; `write` puts them beside the script. */
export function scriptOf(
  name: string,
  blocks: readonly Block[],
  write: (file: string, code: string) => void,
): string {
  const steps = blocks.map(({ language, code, line }) => {
    const place = `place='${name}:${line}'\n`;
    if (language === "sh") return place + code;
    const file = `block-${line}.mjs`;
    write(file, code);
    return `${place}node ./${file}\n`;
  });
  return `set -eEo pipefail\ntrap 'echo "failed: the block at $place" >&2' ERR\n${steps.join("")}`;
}
