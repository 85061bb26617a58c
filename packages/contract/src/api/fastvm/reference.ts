/** Renders openapi.json as a page to read: each operation with its answers, then each schema with its fields. */

export interface OpenapiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationNode>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, SchemaNode>> };
}

interface OperationNode {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: SchemaNode;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly content?: Content; readonly "x-error-codes"?: readonly string[] }>
  >;
}

type Content = Readonly<Record<string, { readonly schema: SchemaNode }>>;

interface SchemaNode {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly SchemaNode[];
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | boolean;
  readonly [keyword: string]: unknown;
}

/** Keywords that narrow a value down, with the words for them. */
const BOUNDS: Readonly<Record<string, string>> = {
  minimum: "at least",
  maximum: "at most",
  minLength: "characters, at least",
  maxLength: "characters, at most",
  minItems: "items, at least",
  maxItems: "items, at most",
  default: "default",
};

const HEAD = `# API reference

Generated from \`packages/contract/src/api/fastvm/openapi.json\` by \`npm run openapi -w @fastvm/contract\`; do not edit.
The rules that hold everywhere, and what was chosen where clients differ, are in [API.md](API.md); what each error code
means is in [ERRORS.md](ERRORS.md).
`;

export function renderReference({ paths, components }: OpenapiDocument): string {
  const byTag = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0] ?? "Other";
      byTag.set(tag, [...(byTag.get(tag) ?? []), renderOperation(method, path, operation)]);
    }
  }
  const tags = [...byTag].map(([tag, operations]) => `## ${tag}: operations\n\n${operations.join("\n")}`);
  const schemas = Object.entries(components.schemas).map(([name, schema]) => renderSchema(name, schema));
  return [HEAD, ...tags, `## Schemas\n\n${schemas.join("\n")}`].join("\n");
}

function renderOperation(method: string, path: string, operation: OperationNode): string {
  const lines = [`### ${operation.summary}`, "", `\`${method.toUpperCase()} ${path}\``];
  if (operation.description !== undefined) lines.push("", operation.description);
  if (operation.security?.length === 0) lines.push("", "Needs no key.");
  const query = (operation.parameters ?? []).filter((parameter) => parameter.in === "query");
  const facts = query.map(({ name, schema }) => `- Query \`${name}\`: ${describe(schema)}`);
  if (operation.requestBody !== undefined)
    facts.push(`- Body: ${describeContent(operation.requestBody.content)}`);
  const errors: string[] = [];
  for (const [status, { content, "x-error-codes": codes }] of Object.entries(operation.responses)) {
    if (codes !== undefined) errors.push(`${status} ${codes.map((code) => `\`${code}\``).join(", ")}`);
    else facts.push(`- \`${status}\`: ${content === undefined ? "no body" : describeContent(content)}`);
  }
  facts.push(`- Errors: ${errors.join("; ")}`);
  return [...lines, "", ...facts, ""].join("\n");
}

function describeContent(content: Content): string {
  return Object.entries(content)
    .map(([type, { schema }]) => (type === "application/json" ? "" : `as \`${type}\` `) + typeOf(schema))
    .join(", or ");
}

function renderSchema(name: string, schema: SchemaNode): string {
  const required = new Set(schema.required);
  const rows = Object.entries(schema.properties ?? {}).map(
    ([field, node]) =>
      `| \`${field}\` | ${typeOf(node)} | ${required.has(field) ? "yes" : ""} | ${notes(node)} |`,
  );
  const lines = [`### ${name}`, ""];
  if (schema.description !== undefined) lines.push(schema.description, "");
  if (rows.length === 0) return [...lines, describe(schema), ""].join("\n");
  return [...lines, "| field | type | required | |", "|---|---|---|---|", ...rows, ""].join("\n");
}

function describe(schema: SchemaNode): string {
  return [typeOf(schema), notes(schema)].filter((part) => part !== "").join("; ");
}

function notes(schema: SchemaNode): string {
  const bounds = Object.entries(BOUNDS)
    .filter(([keyword]) => schema[keyword] !== undefined)
    .map(([keyword, words]) => `${words} ${JSON.stringify(schema[keyword])}`);
  return [...(schema.description === undefined ? [] : [schema.description]), ...bounds]
    .join("; ")
    .replaceAll("|", "\\|");
}

/** In the words of Markdown: components are links to their heading. */
function typeOf(schema: SchemaNode): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(", ");
  if (schema.type === "array")
    return `list of ${schema.items === undefined ? "anything" : typeOf(schema.items)}`;
  const values = schema.additionalProperties;
  if (typeof values === "object") return `map of ${typeOf(values)}`;
  return typeof schema.type === "object" ? schema.type.join(" or ") : (schema.type ?? "anything");
}
