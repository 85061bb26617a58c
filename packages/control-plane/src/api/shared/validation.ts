/**
 * Turns the contract's schemas into checks, and ajv's findings into one sentence that names the field and what is accepted.
 * Bodies are checked as they are: "5" is not 5. Parameters and queries are text by nature, so they are converted.
 */
import { FastvmError, GUARDS_KEYWORD, nearestName } from "@fastvm/contract";
import { Ajv, type AnySchemaObject, type ErrorObject, type ValidateFunction } from "ajv";
import type { FastifySchemaCompiler } from "fastify";
import type { Static, TSchema } from "typebox";

type Fields = Readonly<Record<string, unknown>>;

/**
 * Unknown fields are neither refused nor removed, as clients of other generations send
 * them, but where a schema says that all must be understood.
 */
const COMMON = { allowUnionTypes: true, allErrors: false, verbose: true, discriminator: true };

const PLAIN = new Ajv({ ...COMMON, coerceTypes: false });
const COERCING = new Ajv({ ...COMMON, coerceTypes: true });

for (const ajv of [PLAIN, COERCING]) {
  ajv.addKeyword({
    keyword: GUARDS_KEYWORD,
    type: "object",
    schemaType: "array",
    validate: (_names: unknown, data: Fields, parent?: AnySchemaObject) =>
      misspelt(data, parent) === undefined,
  });
}

export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const compiled = compiledOnce(httpPart === "body" ? PLAIN : COERCING, schema);
  return (data: unknown) => {
    const validate = compiled();
    if (validate(data)) return { value: data };
    return { error: describe(validate.errors?.[0], httpPart ?? "body") };
  };
};

/** A check for values that are not a request's whole body. Throws `invalid_request`; `prefix` is where the value stands. */
export function checkerOf<S extends TSchema>(schema: S): (value: unknown, prefix: string) => Static<S> {
  const compiled = compiledOnce<Static<S>>(PLAIN, schema);
  return (value, prefix) => {
    const validate = compiled();
    if (validate(value)) return value;
    throw describe(validate.errors?.[0], "body", prefix);
  };
}

/** When it is first asked for. There are hundreds, and to compile them all is a quarter of what a start of the daemon takes. */
function compiledOnce<T>(ajv: Ajv, schema: TSchema): () => ValidateFunction<T> {
  let validate: ValidateFunction<T> | undefined;
  return () => (validate ??= ajv.compile<T>(schema));
}

function describe(error: ErrorObject | undefined, httpPart: string, prefix = ""): FastvmError {
  if (error === undefined) return new FastvmError("invalid_request");
  const inside = error.instancePath.split("/").slice(1).map(decodePointer);
  const parent = prefix === "" ? inside : [prefix, ...inside];
  const unknown = unknownField(error);
  if (unknown !== undefined) {
    const field = [...parent, unknown.name].join(".");
    return new FastvmError("invalid_request", `${quoted(field)} is not known: ${unknown.hint}`, { field });
  }
  const missing: unknown = error.keyword === "required" ? error.params["missingProperty"] : undefined;
  const path = typeof missing === "string" ? [...parent, missing] : parent;
  const field = path.length === 0 ? httpPart : path.join(".");
  return new FastvmError("invalid_request", `${field} ${ruleOf(error)}`, { field });
}

/** Also where a field is missing, which may be there under a name that is not quite right. */
function unknownField({
  keyword,
  data,
  parentSchema,
}: ErrorObject): { name: string; hint: string } | undefined {
  if (!["additionalProperties", "required", GUARDS_KEYWORD].includes(keyword)) return undefined;
  const fields = data as Fields;
  if (keyword === GUARDS_KEYWORD) return misspelt(fields, parentSchema);
  if (parentSchema?.["additionalProperties"] !== false) return undefined;
  const known = namesOf(parentSchema);
  const name = Object.keys(fields).find((field) => !known.includes(field));
  if (name === undefined) return undefined;
  const nearest = nearestName(name, known);
  return { name, hint: nearest === undefined ? `there are ${known.join(", ")}` : `did you mean ${nearest}?` };
}

/** The first unknown field that looks like one whose absence grants something. */
function misspelt(
  fields: Fields,
  schema: AnySchemaObject | undefined,
): { name: string; hint: string } | undefined {
  const guarded = schema?.[GUARDS_KEYWORD] as readonly string[];
  const known = namesOf(schema);
  for (const name of Object.keys(fields)) {
    const nearest = known.includes(name) ? undefined : nearestName(name, known);
    if (nearest !== undefined && guarded.includes(nearest)) return { name, hint: `did you mean ${nearest}?` };
  }
  return undefined;
}

function namesOf(schema: AnySchemaObject | undefined): readonly string[] {
  return Object.keys((schema?.["properties"] ?? {}) as Fields);
}

/** Names come from the request, and may be anything. */
function quoted(field: string): string {
  return /^[\w.-]{1,80}$/.test(field) ? field : JSON.stringify(field.slice(0, 80));
}

function decodePointer(segment: string): string {
  return segment.replaceAll("~1", "/").replaceAll("~0", "~");
}

function ruleOf(error: ErrorObject): string {
  if (error.keyword === "required") return "is required";
  if (error.keyword === "type") return `must be ${typesOf(error.params["type"])}`;
  if (error.keyword === "enum") return `must be one of ${JSON.stringify(error.params["allowedValues"])}`;
  return error.message ?? "is not valid";
}

const ARTICLES: Readonly<Record<string, string>> = {
  string: "a string",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  object: "a JSON object",
  array: "a list",
  null: "null",
};

function typesOf(type: unknown): string {
  const names: unknown[] = Array.isArray(type) ? type : String(type).split(",");
  return names.map((name) => ARTICLES[String(name)] ?? String(name)).join(" or ");
}
