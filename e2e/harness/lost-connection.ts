/** Tells a connection that broke from whatever else fails a request: an answer that is no success, or a mistake in the test's own code. */

/** Before the answer's head, and in its body. fetch has no class of its own for them: whatever is mistyped throws a TypeError as well. */
const WORDS: readonly string[] = ["fetch failed", "terminated"];

export function isLost(error: unknown): boolean {
  return error instanceof TypeError && WORDS.includes(error.message);
}
