/** Renders the table of operations of sandboxes as an OpenAPI 3.1 document. */
import { ERROR_CATALOGUE } from "../../errors/errors.ts";
import { DEFAULT_PORT } from "../../limits.ts";
import {
  BYTES,
  Components,
  ERROR_CODES_KEYWORD,
  isObject,
  pathParameters,
  queryParameters,
  toJson,
  type JsonObject,
} from "../openapi-parts.ts";
import type { Operation } from "../operation.ts";
import { sandboxErrorCodes, sandboxErrorsOf } from "./error-codes.ts";
import { SANDBOX_OPERATIONS } from "./operations.ts";
import { SandboxErrorSchema } from "./schemas/error-body.ts";

const MEANINGS: Readonly<Record<string, string>> = { 200: "OK", 201: "Created", 204: "No content" };
const TAGS: Readonly<Record<string, string>> = {
  Sandboxes: "VMs of the engine under names of their own, with the specification that made each.",
  Volumes: "Storage that outlives sandboxes, and files in it.",
};

/** The document as plain JSON. */
export function buildSandboxesOpenapi(): JsonObject {
  const components = new Components();
  const paths: Record<string, JsonObject> = {};
  for (const [operationId, operation] of Object.entries<Operation>(SANDBOX_OPERATIONS)) {
    const path = (paths[operation.path] ??= {});
    path[operation.method.toLowerCase()] = {
      operationId,
      tags: [operation.tag],
      summary: operation.summary,
      ...(operation.description === undefined ? {} : { description: operation.description }),
      ...parametersOf(operation, components),
      ...requestBody(operation, components),
      responses: responsesOf(operation, components),
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "FastVM sandboxes",
      version: "1",
      description:
        "The API of sandboxes, on the VMs of the same engine. What each field does is in docs/sandbox-spec.md.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [
      {
        url: `http://localhost:${DEFAULT_PORT}`,
        description: "A daemon on this machine, by the form of the key.",
      },
      { url: `http://localhost:${DEFAULT_PORT}/microsandbox`, description: "The same, whole." },
    ],
    security: [{ bearer: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas: components.sorted(),
    },
  };
}

function parametersOf(operation: Operation, components: Components): JsonObject {
  const parameters = [...pathParameters(operation.path), ...queryParameters(operation, components)];
  return parameters.length === 0 ? {} : { parameters };
}

function requestBody({ body, bytes }: Operation, components: Components): JsonObject {
  if (bytes === "request") return { requestBody: { required: true, content: BYTES } };
  if (body === undefined) return {};
  const schema = toJson(body);
  const fields = isObject(schema) ? schema["required"] : undefined;
  const required = Array.isArray(fields) && fields.length > 0;
  return {
    requestBody: { required, content: { "application/json": { schema: components.extract(schema) } } },
  };
}

function responsesOf(operation: Operation, components: Components): JsonObject {
  const responses: JsonObject = {};
  for (const [status, schema] of Object.entries(operation.responses)) {
    const content: JsonObject = operation.bytes === "response" ? { ...BYTES } : {};
    if (schema !== undefined) content["application/json"] = { schema: components.refer(schema) };
    if (operation.sse !== undefined)
      content["text/event-stream"] = { schema: components.refer(operation.sse) };
    responses[status] = {
      description: MEANINGS[status] ?? "Success",
      ...(Object.keys(content).length === 0 ? {} : { content }),
    };
  }
  const codes = Map.groupBy(sandboxErrorsOf(operation), (code) => ERROR_CATALOGUE[code].status);
  for (const [status, ofStatus] of codes) {
    const names = [...new Set(ofStatus.flatMap((code) => sandboxErrorCodes(code)))];
    responses[status] ??= {
      description: `Error: ${names.map((name) => `\`${name}\``).join(", ")}`,
      content: { "application/json": { schema: components.refer(SandboxErrorSchema) } },
      [ERROR_CODES_KEYWORD]: names,
    };
  }
  return responses;
}
