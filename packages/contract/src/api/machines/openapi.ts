/** Renders the table of operations of machines as an OpenAPI 3.1 document. */
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
import { machineErrorCodes, machineErrorsOf } from "./error-codes.ts";
import { MACHINE_OPERATIONS } from "./operations.ts";
import { ErrorBodySchema } from "./schemas/error-body.ts";

const MEANINGS: Readonly<Record<string, string>> = { 200: "OK", 201: "Created", 204: "No content" };
const TAGS: Readonly<Record<string, string>> = {
  Machines: "Live and paused machines, each a VM of the engine.",
  Lifecycle: "What happened, in the order in which it did.",
  "Warm pools": "Machines of a template that run before they are asked for.",
  Templates: "What machines are made of: built once, with what runs in them already.",
  Webhooks: "Requests of ours that tell of what happens.",
  Commands: "In a running machine: waited for, or in the background.",
  Files: "Those of a running machine.",
  Volumes: "Storage with a life of its own, which several machines may have at once.",
  Previews: "Ports of a machine, by URLs that are themselves the permission.",
  Snapshots: "A machine's memory and disk, to create others from.",
};
const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  schema: { type: "string", minLength: 1, maxLength: 255 },
  description:
    "The same key with the same request gets the same answer for 24 hours, and nothing is made twice.",
};

/** The document as plain JSON. */
export function buildMachinesOpenapi(): JsonObject {
  const components = new Components();
  const paths: Record<string, JsonObject> = {};
  for (const [operationId, operation] of Object.entries<Operation>(MACHINE_OPERATIONS)) {
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
      title: "FastVM machines",
      version: "1",
      description:
        "The API of machines, on the VMs of the same engine. What holds everywhere is in docs/machines-guide.md.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [
      {
        url: `http://localhost:${DEFAULT_PORT}`,
        description: "A daemon on this machine, by the form of the key.",
      },
      { url: `http://localhost:${DEFAULT_PORT}/nullspace`, description: "The same, whole." },
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
  const parameters = [
    ...pathParameters(operation.path),
    ...queryParameters(operation, components),
    ...(operation.responses[201] === undefined ? [] : [IDEMPOTENCY_KEY]),
  ];
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
    responses[status] = {
      description: MEANINGS[status] ?? "Success",
      ...(Object.keys(content).length === 0 ? {} : { content }),
    };
  }
  const codes = Map.groupBy(machineErrorsOf(operation), (code) => ERROR_CATALOGUE[code].status);
  for (const [status, ofStatus] of codes) {
    const names = [...new Set(ofStatus.flatMap((code) => machineErrorCodes(code)))];
    responses[status] ??= {
      description: `Error: ${names.map((name) => `\`${name}\``).join(", ")}`,
      content: { "application/json": { schema: components.refer(ErrorBodySchema) } },
      [ERROR_CODES_KEYWORD]: names,
    };
  }
  return responses;
}
