/**
 * Turns the contract's schemas into checks, and ajv's findings into one sentence that names the field and what is accepted.
 * Bodies are checked as they are: "5" is not 5. Parameters and queries are text by nature, so they are converted.
 */
import { FastvmError } from "@fastvm/contract";
import { Ajv, type ErrorObject } from "ajv";
import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";

/** Unknown fields are neither refused nor removed: clients of other generations send them. */
const COMMON = { allowUnionTypes: true, allErrors: false, verbose: true };

const PLAIN = new Ajv({ ...COMMON, coerceTypes: false });
const COERCING = new Ajv({ ...COMMON, coerceTypes: true });

export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validate = (httpPart === "body" ? PLAIN : COERCING).compile(schema);
  return (data: unknown) => {
    if (validate(data)) return { value: data };
    return { error: describe(validate.errors?.[0], httpPart ?? "body") };
  };
};

/** A check for values that are not a request's whole body. Throws `invalid_request`; `prefix` is where the value stands. */
export function checkerOf<T>(schema: TSchema): (value: unknown, prefix: string) => T {
  const validate = PLAIN.compile<T>(schema);
  return (value, prefix) => {
    if (validate(value)) return value;
    throw describe(validate.errors?.[0], "body", prefix);
  };
}

function describe(error: ErrorObject | undefined, httpPart: string, prefix = ""): FastvmError {
  if (error === undefined) return new FastvmError("invalid_request");
  const inside = error.instancePath.split("/").slice(1).map(decodePointer);
  const parent = prefix === "" ? inside : [prefix, ...inside];
  const missing: unknown = error.keyword === "required" ? error.params["missingProperty"] : undefined;
  const path = typeof missing === "string" ? [...parent, missing] : parent;
  const field = path.length === 0 ? httpPart : path.join(".");
  return new FastvmError("invalid_request", `${field} ${ruleOf(error)}`, { field });
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
