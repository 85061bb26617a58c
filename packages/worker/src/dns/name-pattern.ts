/** The names of a policy: `example.com` means itself, `*.example.com` one or more labels before it, and not itself. */

/** A list is compiled once, and lives for as long as the policy that holds it. */
const COMPILED = new WeakMap<readonly string[], NameList>();

export class NameList {
  readonly #names = new Set<string>();
  /** What follows the `*.` of wildcards. */
  readonly #parents = new Set<string>();

  private constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      if (pattern.startsWith("*.")) this.#parents.add(pattern.slice(2));
      else this.#names.add(pattern);
    }
  }

  static of(patterns: readonly string[]): NameList {
    const known = COMPILED.get(patterns);
    if (known !== undefined) return known;
    const list = new NameList(patterns);
    COMPILED.set(patterns, list);
    return list;
  }

  /** `name` is lower case, without a final dot. Costs one look-up per label, however long the list is. */
  has(name: string): boolean {
    if (this.#names.has(name)) return true;
    if (this.#parents.size === 0) return false;
    for (let dot = name.indexOf("."); dot !== -1; dot = name.indexOf(".", dot + 1)) {
      if (this.#parents.has(name.slice(dot + 1))) return true;
    }
    return false;
  }
}
