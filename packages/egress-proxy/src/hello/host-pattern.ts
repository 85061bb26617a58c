/** Names of hosts as a rule writes them: exactly, `*.` for one or more labels before the rest, or `*` for any. */

export function matchesHost(pattern: string, name: string): boolean {
  if (pattern === "*") return true;
  if (pattern.startsWith("*.")) return name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1;
  return name === pattern;
}

export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matchesHost(pattern, name));
}
