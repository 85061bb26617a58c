/** What documents of OpenAPI are made of, whichever API they describe. Schemas with a title become components. */
import type { TSchema } from "typebox";
import type { Operation } from "./operation.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** On an error's answer: the codes that it may have, for whoever checks answers or writes pages. */
export const ERROR_CODES_KEYWORD = "x-error-codes";

/** Of any number. */
export const BYTES = {
  "application/octet-stream": { schema: { type: "string", format: "binary" } },
} as const;

/** How a component is rendered; `extract` renders what is in it. */
type RenderComponent = (title: string, node: JsonObject, extract: (node: Json) => Json) => Json;

/** The schemas of a document that others refer to. */
export class Components {
  readonly #schemas: JsonObject = {};
  readonly #render: RenderComponent;

  constructor(render: RenderComponent = (_title, node, extract) => extract(node)) {
    this.#render = render;
  }

  refer(schema: TSchema): Json {
    return this.extract(toJson(schema));
  }

  /** Moves each titled schema to the components and leaves a `$ref` in its place. */
  extract(node: Json, mayRefer = true): Json {
    if (Array.isArray(node)) return node.map((item: Json) => this.extract(item));
    if (!isObject(node)) return node;
    const title = node["title"];
    if (mayRefer && typeof title === "string") {
      this.#schemas[title] ??= this.#render(title, node, (inside) => this.extract(inside, false));
      const reference = { $ref: `#/components/schemas/${title}` };
      return Array.isArray(node["type"]) ? { anyOf: [reference, { type: "null" }] } : reference;
    }
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, this.extract(value)]));
  }

  /** By name. */
  sorted(): JsonObject {
    return Object.fromEntries(Object.entries(this.#schemas).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

export function pathParameters(path: string): JsonObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1] ?? "",
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

export function queryParameters(operation: Operation, components: Components): JsonObject[] {
  if (operation.query === undefined) return [];
  const schema = toJson(operation.query);
  const properties = isObject(schema) && isObject(schema["properties"]) ? schema["properties"] : {};
  const required = isObject(schema) && Array.isArray(schema["required"]) ? schema["required"] : [];
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: "query",
    ...(required.includes(name) ? { required: true } : {}),
    schema: components.extract(property),
  }));
}

/** TypeBox keeps its own marks in non-enumerable properties; JSON drops them. */
export function toJson(schema: TSchema): Json {
  return JSON.parse(JSON.stringify(schema)) as Json;
}

export function isObject(node: Json | undefined): node is JsonObject {
  return typeof node === "object" && node !== null && !Array.isArray(node);
}
