/** The operations on an organisation's keys: a part of the table. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { DeletionSchema } from "./schemas/deletion.ts";
import { CreateKeyBodySchema, KeySchema, NewKeySchema } from "./schemas/key.ts";

export const KEY_OPERATIONS = {
  listKeys: {
    method: "GET",
    path: "/v1/org/keys",
    tag: "Organisation",
    summary: "List the organisation's API keys, oldest first",
    scope: "admin",
    responses: { 200: Type.Array(KeySchema) },
    errors: [],
  },
  createKey: {
    method: "POST",
    path: "/v1/org/keys",
    tag: "Organisation",
    summary: "Make an API key for the organisation",
    description: "It does not outlive the key that makes it. `metrics` is not an organisation's to give.",
    scope: "admin",
    body: CreateKeyBodySchema,
    responses: { 201: NewKeySchema },
    errors: [],
  },
  deleteKey: {
    method: "DELETE",
    path: "/v1/org/keys/{keyId}",
    tag: "Organisation",
    summary: "Revoke an API key: it opens nothing more once this is answered",
    scope: "admin",
    responses: { 200: DeletionSchema },
    errors: [],
  },
} as const satisfies Record<string, Operation>;
