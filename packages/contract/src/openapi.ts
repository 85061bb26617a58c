/** Renders the table of operations as an OpenAPI 3.1 document. Schemas with a title become components. */
import type { TSchema } from "typebox";
import { errorCodesOf } from "./error-codes-of.ts";
import { ERROR_CATALOGUE } from "./errors/errors.ts";
import { OPERATIONS, type Operation } from "./operations.ts";
import { ErrorBodySchema } from "./schemas/error-body.ts";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { [key: string]: Json };

/** On an error's answer: the codes that it may have, for whoever checks answers or writes pages. */
export const ERROR_CODES_KEYWORD = "x-error-codes";

/** The document as plain JSON. */
export function buildOpenapi(): JsonObject {
  const components: JsonObject = {};
  const paths: Record<string, JsonObject> = {};
  for (const [operationId, operation] of Object.entries<Operation>(OPERATIONS)) {
    const path = (paths[operation.path] ??= {});
    path[operation.method.toLowerCase()] = renderOperation(operationId, operation, components);
  }
  const sorted = Object.fromEntries(Object.entries(components).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    openapi: "3.1.0",
    info: { title: "FastVM", version: "1", license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    security: [{ apiKey: [] }, { bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
        bearer: { type: "http", scheme: "bearer" },
      },
      schemas: sorted,
    },
  };
}

function renderOperation(operationId: string, operation: Operation, components: JsonObject): JsonObject {
  const parameters = [...pathParameters(operation.path), ...queryParameters(operation, components)];
  return {
    operationId,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    ...(operation.open === true ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined
      ? {}
      : { requestBody: { content: { "application/json": { schema: refer(operation.body, components) } } } }),
    responses: renderResponses(operation, components),
  };
}

function renderResponses(operation: Operation, components: JsonObject): JsonObject {
  const responses: JsonObject = {};
  for (const [status, schema] of Object.entries(operation.responses)) {
    const content: JsonObject = {};
    if (schema !== undefined) content["application/json"] = { schema: refer(schema, components) };
    if (operation.ndjson !== undefined) {
      content["application/x-ndjson"] = { schema: refer(operation.ndjson, components) };
    }
    responses[status] = { description: "Success", ...(schema === undefined ? {} : { content }) };
  }
  const codes = Map.groupBy(errorCodesOf(operation), (code) => ERROR_CATALOGUE[code].status);
  for (const [status, ofStatus] of codes) {
    responses[status] ??= {
      description: `Error: ${ofStatus.map((code) => `\`${code}\``).join(", ")}`,
      [ERROR_CODES_KEYWORD]: [...ofStatus],
      content: { "application/json": { schema: refer(ErrorBodySchema, components) } },
    };
  }
  return responses;
}

function pathParameters(path: string): JsonObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1] ?? "",
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(operation: Operation, components: JsonObject): JsonObject[] {
  if (operation.query === undefined) return [];
  const schema = toJson(operation.query);
  const properties = isObject(schema) && isObject(schema["properties"]) ? schema["properties"] : {};
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: "query",
    schema: extract(property, components, true),
  }));
}

function refer(schema: TSchema, components: JsonObject): Json {
  return extract(toJson(schema), components, true);
}

/** TypeBox keeps its own marks in non-enumerable properties; JSON drops them. */
function toJson(schema: TSchema): Json {
  return JSON.parse(JSON.stringify(schema)) as Json;
}

/** Moves each titled schema to `components` and leaves a `$ref` in its place. */
function extract(node: Json, components: JsonObject, mayRefer: boolean): Json {
  if (Array.isArray(node)) return node.map((item: Json) => extract(item, components, true));
  if (!isObject(node)) return node;
  const title = node["title"];
  if (mayRefer && typeof title === "string") {
    components[title] ??= extract(node, components, false);
    return { $ref: `#/components/schemas/${title}` };
  }
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, extract(value, components, true)]),
  );
}

function isObject(node: Json | undefined): node is JsonObject {
  return typeof node === "object" && node !== null && !Array.isArray(node);
}
