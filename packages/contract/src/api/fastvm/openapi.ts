/** Renders the table of operations as an OpenAPI 3.1 document. Schemas with a title become components. */
import { errorCodesOf } from "./error-codes-of.ts";
import { ERROR_CATALOGUE } from "../../errors/errors.ts";
import { BODY_EXAMPLES, SCHEMA_EXAMPLES } from "./examples.ts";
import { DEFAULT_PORT } from "../../limits.ts";
import {
  BYTES,
  Components,
  ERROR_CODES_KEYWORD,
  isObject,
  pathParameters,
  queryParameters,
  toJson,
  type Json,
  type JsonObject,
} from "../openapi-parts.ts";
import type { Operation } from "../operation.ts";
import { OPERATIONS, type OperationId } from "./operations.ts";
import { PATHS_BESIDE } from "./paths-beside.ts";
import { ErrorBodySchema } from "./schemas/error-body.ts";
import { DIALECTS } from "./schemas/firewall.ts";

const MEANINGS: Readonly<Record<string, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted: it goes on by itself",
  204: "No content",
  503: "Not ready",
};
const TAGS: Readonly<Record<string, string>> = {
  Health: "Whether the server works, and this document.",
  VMs: "Machines: launch, pause, resume, fork, run commands.",
  Commands: "In the background: started, attached to, written to, ended.",
  Files: "Those of a VM, and others to and from it by signed URLs.",
  Console: "A terminal in a VM.",
  Firewall: "What a VM may reach, and who may reach it.",
  Services: "Names under which ports of a VM are reached.",
  "SSH keys": "Who may log in.",
  Snapshots: "A VM's memory and disk, to launch others from.",
  Builds: "Snapshots made of images and Dockerfiles.",
  Volumes: "Storage with a life of its own, which VMs mount.",
  Events: "What happened, in its order.",
  Organisation: "What may be used.",
};
const REQUEST_ID = { "x-request-id": { $ref: "#/components/headers/RequestId" } };
const RETRY_AFTER = { "Retry-After": { $ref: "#/components/headers/RetryAfter" } };
const SHOULD_RETRY = { "x-should-retry": { $ref: "#/components/headers/ShouldRetry" } };

/** The document as plain JSON. */
export function buildOpenapi(): JsonObject {
  const components = new Components(component);
  const paths: Record<string, JsonObject> = {};
  for (const [operationId, operation] of Object.entries<Operation>(OPERATIONS)) {
    const path = (paths[operation.path] ??= {});
    path[operation.method.toLowerCase()] = renderOperation(operationId, operation, components);
  }
  const errorOf = (description: string, code: string) => ({
    ...errorResponse(components),
    description,
    [ERROR_CODES_KEYWORD]: [code],
  });
  const responses = {
    NoKey: errorOf("Error: `unauthorized`", "unauthorized"),
    NoRight: errorOf("Error: `not_found`", "not_found"),
  };
  return {
    openapi: "3.1.0",
    info: {
      title: "FastVM",
      version: "1",
      description: "MicroVMs that launch, fork and resume fast. What holds everywhere is in docs/API.md.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [
      { url: `http://localhost:${DEFAULT_PORT}`, description: "A daemon on this machine, as it comes." },
      { url: "/", description: "Whichever server this document came from." },
    ],
    security: [{ apiKey: [] }, { bearer: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: { ...paths, ...PATHS_BESIDE },
    components: {
      securitySchemes: {
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
        bearer: { type: "http", scheme: "bearer" },
      },
      headers: HEADERS,
      responses,
      schemas: components.sorted(),
    },
  };
}

const HEADERS = {
  RequestId: {
    description:
      "The request's name: the client's own `x-request-id` if it sent a good one. The log has it too.",
    schema: { type: "string" },
  },
  RetryAfter: { description: "Seconds to wait before the next try.", schema: { type: "integer" } },
  ShouldRetry: {
    description: "`false` where a repetition changes nothing; else it is left out.",
    schema: { type: "string", enum: ["false"] },
  },
};

function renderOperation(operationId: string, operation: Operation, components: Components): JsonObject {
  const parameters = [...pathParameters(operation.path), ...queryParameters(operation, components)];
  return {
    operationId,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    ...(operation.open === true ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestBody(operationId as OperationId, operation, components),
    responses: renderResponses(operation, components),
  };
}

/** Required where `{}`, for which an empty body counts, is refused. */
function requestBody(
  id: OperationId,
  { body, needsBody, bytes }: Operation,
  components: Components,
): JsonObject {
  if (bytes === "request") return { requestBody: { required: true, content: BYTES } };
  if (body === undefined) return {};
  const schema = toJson(body);
  const fields = isObject(schema) ? schema["required"] : undefined;
  const required = needsBody === true || (Array.isArray(fields) && fields.length > 0);
  const example = BODY_EXAMPLES[id];
  const content = {
    schema: components.extract(schema),
    ...(example === undefined ? {} : { example: example as JsonObject }),
  };
  return { requestBody: { required, content: { "application/json": content } } };
}

function renderResponses(operation: Operation, components: Components): JsonObject {
  const responses: JsonObject = {};
  for (const [status, schema] of Object.entries(operation.responses)) {
    const content: JsonObject = operation.bytes === "response" ? { ...BYTES } : {};
    if (schema !== undefined) content["application/json"] = { schema: components.refer(schema) };
    if (operation.ndjson !== undefined) {
      content["application/x-ndjson"] = { schema: components.refer(operation.ndjson) };
    }
    if (operation.sse !== undefined) {
      content["text/event-stream"] = { schema: components.refer(operation.sse) };
    }
    responses[status] = {
      description: MEANINGS[status] ?? "Success",
      headers: REQUEST_ID,
      ...(Object.keys(content).length === 0 ? {} : { content }),
    };
  }
  const codes = Map.groupBy(errorCodesOf(operation), (code) => ERROR_CATALOGUE[code].status);
  for (const [status, ofStatus] of codes) {
    responses[status] ??= {
      ...errorResponse(components),
      description: `Error: ${ofStatus.map((code) => `\`${code}\``).join(", ")}`,
      headers: { ...REQUEST_ID, ...SHOULD_RETRY, ...(status === 503 ? RETRY_AFTER : {}) },
      [ERROR_CODES_KEYWORD]: [...ofStatus],
    };
  }
  return responses;
}

function errorResponse(components: Components): JsonObject {
  return {
    headers: { ...REQUEST_ID, ...SHOULD_RETRY },
    content: { "application/json": { schema: components.refer(ErrorBodySchema) } },
  };
}

/** Schemas of several dialects are one component with all of them. */
function component(title: string, node: JsonObject, extractInto: (node: Json) => Json): Json {
  const dialects = DIALECTS[title];
  if (dialects !== undefined) return extractInto({ ...(toJson(dialects) as JsonObject), title });
  const example = SCHEMA_EXAMPLES[title];
  const examples = example === undefined ? {} : { examples: [example as Json] };
  return { ...(extractInto(node) as JsonObject), ...examples };
}
