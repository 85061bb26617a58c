/** What a caller may give for an id: the id, its beginning, or a name. */

/** Shorter beginnings of an id are too easily unique by accident. The command line shows 8. */
const MIN_PREFIX_LENGTH = 4;

const ID_LENGTH = 36;
const ID_PREFIX = /^[0-9a-f-]+$/;

/** A reference can only be an id's beginning when it has the letters of one. */
export function isIdPrefix(reference: string): boolean {
  return reference.length >= MIN_PREFIX_LENGTH && reference.length < ID_LENGTH && ID_PREFIX.test(reference);
}

/** What has an id's form may still be a name. */
export function isWholeId(reference: string): boolean {
  return reference.length === ID_LENGTH && ID_PREFIX.test(reference);
}

/** PostgreSQL takes no NUL in text, and no id or name of ours has one. */
export function canExist(reference: string): boolean {
  return reference !== "" && !reference.includes("\0");
}

/**
 * The one row that a reference means: an exact id wins over a name, a name over an id's beginning, and what is
 * ambiguous means nothing. `candidates` may hold any rows that match one of the three.
 */
export function pickReferenced<T extends { id: string; name: string }>(
  reference: string,
  candidates: readonly T[],
): T | undefined {
  const exact = candidates.find((row) => row.id === reference);
  if (exact !== undefined) return exact;
  const named = candidates.filter((row) => row.name === reference);
  if (named.length > 0) return named.length === 1 ? named[0] : undefined;
  const begun = candidates.filter((row) => row.id.startsWith(reference));
  return begun.length === 1 ? begun[0] : undefined;
}
