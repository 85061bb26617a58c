/** The operations on an organisation's logins at registries of images: a part of the table. */
import { Type } from "typebox";
import type { Operation } from "../operation.ts";
import { DeletionSchema } from "./schemas/deletion.ts";
import { RegistryLoginSchema, SetRegistryLoginBodySchema } from "./schemas/registry.ts";

const REGISTRY = "/v1/registries/{registry}";

export const REGISTRY_OPERATIONS = {
  listRegistries: {
    method: "GET",
    path: "/v1/registries",
    tag: "Registries",
    summary: "List the registries of images that the organisation has a login for",
    responses: { 200: Type.Array(RegistryLoginSchema) },
    errors: [],
  },
  getRegistry: {
    method: "GET",
    path: REGISTRY,
    tag: "Registries",
    summary: "Read who the organisation is to a registry",
    responses: { 200: RegistryLoginSchema },
    errors: [],
  },
  setRegistry: {
    method: "PUT",
    path: REGISTRY,
    tag: "Registries",
    summary: "Keep a user name and a password for pulls from a registry, in place of those before",
    description: "The registry is not asked. The password is kept sealed, and no answer has it.",
    body: SetRegistryLoginBodySchema,
    responses: { 200: RegistryLoginSchema },
    errors: ["conflict"],
  },
  deleteRegistry: {
    method: "DELETE",
    path: REGISTRY,
    tag: "Registries",
    summary: "Forget the login for a registry",
    description: "Images that are here stay.",
    responses: { 200: DeletionSchema },
    errors: [],
  },
} as const satisfies Record<string, Operation>;
