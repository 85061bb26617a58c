/** Names in firewall rules: a name, or `*.` before one, which means one or more labels and not the name itself. */

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_NAME_LENGTH = 253;

/** Lower case, without the final dot; `undefined` when it is no such pattern. */
export function normalizePattern(text: string): string | undefined {
  const pattern = text.trim().toLowerCase().replace(/\.$/, "");
  const name = pattern.startsWith("*.") ? pattern.slice(2) : pattern;
  const labels = name.split(".");
  // One label alone is a top-level name: as a rule it is nearly always a mistake.
  if (name.length > MAX_NAME_LENGTH || labels.length < 2) return undefined;
  return labels.every((label) => LABEL.test(label)) ? pattern : undefined;
}

/**
 * The patterns of a policy's `dns`, looked up by name: a policy of hundreds of rules and
 * a thousand patterns compares all with all otherwise.
 */
export class DomainList {
  readonly #patterns: ReadonlySet<string>;
  /** All names that a pattern is below of. */
  readonly #parents: ReadonlySet<string>;

  constructor(patterns: readonly string[]) {
    this.#patterns = new Set(patterns);
    this.#parents = new Set(patterns.flatMap((pattern) => parentsOf(nameOf(pattern))));
  }

  /**
   * Whether one of them means every name that the pattern means. `*.example.com` covers
   * `a.example.com`, `*.a.example.com` and itself, but not `example.com`.
   */
  covers(pattern: string): boolean {
    return (
      this.#patterns.has(pattern) ||
      parentsOf(nameOf(pattern)).some((parent) => this.#patterns.has(`*.${parent}`))
    );
  }

  /** Whether one of them means some name that the pattern means. */
  overlaps(pattern: string): boolean {
    const isAboveOne = pattern.startsWith("*.") && this.#parents.has(nameOf(pattern));
    return isAboveOne || this.covers(pattern);
  }
}

function nameOf(pattern: string): string {
  return pattern.replace(/^\*\./, "");
}

function parentsOf(name: string): readonly string[] {
  const parents: string[] = [];
  for (let dot = name.indexOf("."); dot !== -1; dot = name.indexOf(".", dot + 1)) {
    parents.push(name.slice(dot + 1));
  }
  return parents;
}
