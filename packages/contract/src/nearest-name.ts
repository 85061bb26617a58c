/** Which known name was meant by one that is not known. */

/** Of a name this long one letter may be wrong; short names differ by less than typing errors do. */
const LETTERS_PER_ERROR = 4;
const MAX_ERRORS = 3;
/** No name of ours is longer; comparing costs the product of both lengths. */
const MAX_NAME_CHARS = 64;

/**
 * `undefined` when none of them looks like it. Upper case, accents and everything but letters and digits do not count: `rate_limit`
 * is near to `rateLimit`, and so is what only looks like it, in letters of full width or with signs that cannot be seen.
 */
export function nearestName(text: string, names: readonly string[]): string | undefined {
  if (text.length > MAX_NAME_CHARS) return undefined;
  const written = plain(text);
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const errors = distance(written, plain(name));
    if (errors > allowed(name) || errors >= least) continue;
    nearest = name;
    least = errors;
  }
  return nearest;
}

function allowed(name: string): number {
  return Math.min(Math.max(Math.floor(name.length / LETTERS_PER_ERROR), 1), MAX_ERRORS);
}

function plain(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, "");
}

/** Letters to put in, to take out, to replace or to swap with the next (Damerau, restricted). */
function distance(one: string, other: string): number {
  let before: readonly number[] = [];
  let above: readonly number[] = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current[column] = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped && row > 1 && column > 1 ? (before[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    before = above;
    above = current;
  }
  return above[other.length] ?? 0;
}
