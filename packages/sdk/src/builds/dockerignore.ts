/**
 * Which files of a context are left out, as Docker reads `.dockerignore`: one pattern a line, the last that matches decides, `!` takes
 * back in, and what lies in a folder that is left out is left out too.
 */

interface Pattern {
  readonly matches: RegExp;
  readonly isException: boolean;
}

export class Dockerignore {
  readonly #patterns: readonly Pattern[];

  constructor(text: string) {
    this.#patterns = text
      .replace(/^\uFEFF/, "")
      .split("\n")
      .flatMap(patternOf);
  }

  /** Whether something in a folder that is left out may be taken back in. */
  get hasExceptions(): boolean {
    return this.#patterns.some(({ isException }) => isException);
  }

  /** `path`: relative to the context, with slashes. */
  leavesOut(path: string): boolean {
    const parts = path.split("/");
    const withParents = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    return this.#patterns.reduce(
      (isOut, { matches, isException }) =>
        // A pattern that would change nothing need not be tried.
        isOut === isException && withParents.some((each) => matches.test(each)) ? !isException : isOut,
      false,
    );
  }
}

function patternOf(line: string): readonly Pattern[] {
  // A comment only where the very first character says so.
  const text = line.startsWith("#") ? "" : line.trim();
  const isException = text.startsWith("!");
  const clean = cleaned(isException ? text.slice(1).trim() : text);
  return clean === "" ? [] : [{ matches: new RegExp(`^${asRegExp(clean)}$`), isException }];
}

/** Without `.`, `..`, doubled and outer slashes. */
function cleaned(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** `**` is any number of folders, `*` and `?` end at slashes, `[…]` is a class, `\` takes away a meaning. */
const TOKEN = /\*\*\/?|\*|\?|\[\^?\]?[^\]]*\]|\\.|[^]/gu;

function asRegExp(pattern: string): string {
  return pattern.replaceAll(TOKEN, (token) => {
    if (token === "**/") return "(?:.*/)?";
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    if (token === "?") return "[^/]";
    if (token.length > 2 && token.startsWith("[")) return token.replaceAll("\\", "\\\\");
    const plain = token.length > 1 && token.startsWith("\\") ? token.slice(1) : token;
    return plain.replaceAll(/[$()*+.?[\\\]^{|}/-]/g, String.raw`\$&`);
  });
}
