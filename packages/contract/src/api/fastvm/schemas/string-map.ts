import { Type, type TUnsafe } from "typebox";

/** A JSON object whose values are strings: metadata and environment variables. */
export function stringMap(description: string) {
  return Type.Unsafe<Record<string, string>>({
    type: "object",
    additionalProperties: { type: "string" },
    description,
  }) as TUnsafe<Record<string, string>> & { type: "object" };
}
