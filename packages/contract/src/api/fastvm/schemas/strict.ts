/**
 * How much of an object must be understood. Clients of other generations send fields that we do not know, and these are
 * ignored; but where what is absent *grants* something, a misspelt key would leave open what its writer meant to close.
 */

/** For the options of a schema: every key must be one of its properties. */
export const STRICT = { additionalProperties: false } as const;

/** The keyword of `guards`, for whoever checks bodies. */
export const GUARDS_KEYWORD = "x-guards";

/** For the options of a schema whose unknown keys are ignored: none of them may look like one of these. */
export function guards(
  ...names: readonly string[]
): Readonly<Record<typeof GUARDS_KEYWORD, readonly string[]>> {
  return { [GUARDS_KEYWORD]: names };
}
