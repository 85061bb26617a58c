/** `null` from a client means "absent" wherever a field is optional: generated clients send it for unset options. */
import { Type, type Static, type TSchema, type TUnsafe } from "typebox";

/** The schema with `null` added to its `type`: one type array keeps validation errors to a single clear line. */
export function nullable<T extends TSchema & { type: string }>(schema: T): TUnsafe<Static<T> | null> {
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, "null"] });
}
