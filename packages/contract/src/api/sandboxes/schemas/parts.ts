/** What schemas of this API have in common. */
import { Type, type Static, type TSchema, type TUnsafe } from "typebox";
import { MAX_TTL_SEC } from "../../../limits.ts";
import { MAX_MOUNT_MIB } from "../../../model/mount-source.ts";

/** What is not known is refused: a field that is overlooked may have been meant to close something. */
export const CLOSED = { additionalProperties: false } as const;

type Plain = TSchema & { type: string; enum?: readonly unknown[] };

/** A field that may be left out; `null` says the same. */
export function maybe<T extends Plain>(schema: T) {
  return Type.Optional(orNull(schema));
}

/** The schema with `null` added to its `type`: one list of types keeps the sentence of an error short. */
export function orNull<T extends Plain>(schema: T): TUnsafe<Static<T> | null> {
  const values = schema.enum === undefined ? {} : { enum: [...schema.enum, null] };
  return Type.Unsafe<Static<T> | null>({ ...schema, ...values, type: [schema.type, "null"] });
}

export function oneOf<const Names extends readonly string[]>(names: Names, description = "") {
  return Type.Unsafe<Names[number]>({
    type: "string",
    enum: [...names],
    ...(description === "" ? {} : { description }),
  }) as TUnsafe<Names[number]> & { type: "string"; enum: readonly unknown[] };
}

export function strings(description: string) {
  return Type.Unsafe<Record<string, string>>({
    type: "object",
    additionalProperties: { type: "string" },
    description,
  }) as TUnsafe<Record<string, string>> & { type: "object" };
}

/** RFC 3339, in UTC, to the millisecond. */
export function instant(description: string) {
  return Type.String({ format: "date-time", description });
}

/** Counts of the clients: u32 or u64 there, and no more than JSON carries exactly here. */
export function count(description = "", minimum = 0, maximum = Number.MAX_SAFE_INTEGER) {
  const words = description === "" ? {} : { description };
  return Type.Integer({ minimum, maximum, ...words });
}

/** Of what a file system holds. */
export function storageMib(description = "") {
  return count(description, 1, MAX_MOUNT_MIB);
}

/** Until something ends by itself: of a VM a year at most. */
export function seconds(description: string) {
  return Type.Integer({ minimum: 1, maximum: MAX_TTL_SEC, ...(description === "" ? {} : { description }) });
}

/** One of several kinds of thing, told by its `type`: what is wrong is then told of that kind. */
export function tagged<const Kinds extends readonly TSchema[]>(kinds: Kinds) {
  return Type.Unsafe<Static<Kinds[number]>>({
    type: "object",
    discriminator: { propertyName: "type" },
    required: ["type"],
    oneOf: kinds,
  });
}
