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

/** Whether every name that `inner` means is meant by `outer` too. */
export function covers(outer: string, inner: string): boolean {
  if (!outer.startsWith("*.")) return outer === inner;
  // `*.example.com` covers `a.example.com` and `*.a.example.com`, itself, but not `example.com`.
  return outer === inner || inner.replace(/^\*\./, "").endsWith(outer.slice(1));
}

/** Whether some name is meant by both. */
export function overlaps(one: string, other: string): boolean {
  return covers(one, other) || covers(other, one);
}
