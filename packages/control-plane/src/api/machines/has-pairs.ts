/** Metadata as filters have it: every pair must be there, exactly. */

export function hasPairs(
  metadata: Readonly<Record<string, string>>,
  pairs: readonly (readonly [string, unknown])[],
): boolean {
  return pairs.every(([name, value]) => Object.hasOwn(metadata, name) && metadata[name] === value);
}
