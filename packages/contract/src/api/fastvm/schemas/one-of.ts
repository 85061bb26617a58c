/** One of several words. */
import { Type, type TUnsafe } from "typebox";

export function oneOf<Word extends string>(
  words: readonly Word[],
  description?: string,
): TUnsafe<Word> & { type: string } {
  const about = description === undefined ? {} : { description };
  return Type.Unsafe<Word>({ type: "string", enum: [...words], ...about }) as TUnsafe<Word> & {
    type: string;
  };
}
