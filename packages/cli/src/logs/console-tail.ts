/** What is new in a log of which only the newest part is ever told. */

interface News {
  readonly text: string;
  /** Nothing of what was known is left in it: there may have been more between. */
  readonly isGap: boolean;
}

/** Half of a character, at either end of what is kept. */
const BROKEN = "\ufffd";

/** Without a character at its end that is not whole yet: it comes with the next look. */
export function wholeCharacters(text: string): string {
  return text.endsWith(BROKEN) ? text.slice(0, -1) : text;
}

/** `before` and `after` are two looks at the log's end. Where it repeats itself exactly, the least that can be new is taken. */
export function newsOf(before: string, after: string): News {
  if (after.startsWith(before)) return { text: after.slice(before.length), isGap: false };
  const rest = after.startsWith(BROKEN) ? after.slice(1) : after;
  const known = overlapOf(before, rest);
  return { text: rest.slice(known), isGap: known === 0 };
}

/** The length of the longest end of `left` that is a beginning of `right`, in one pass, as Knuth, Morris and Pratt have it. */
function overlapOf(left: string, right: string): number {
  const fallback = new Uint32Array(right.length + 1);
  for (let at = 1, length = 0; at < right.length; at += 1) {
    while (length > 0 && right[at] !== right[length]) length = fallback[length] ?? 0;
    if (right[at] === right[length]) length += 1;
    fallback[at + 1] = length;
  }
  let matched = 0;
  for (const unit of left.slice(-right.length).split("")) {
    while (matched > 0 && (matched === right.length || unit !== right[matched]))
      matched = fallback[matched] ?? 0;
    if (unit === right[matched]) matched += 1;
  }
  return matched;
}
