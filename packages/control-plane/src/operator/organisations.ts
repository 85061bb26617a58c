/** Organisations and their keys, as whoever runs the host makes them. A key is told once, in the answer that made it. */
import { API_NAMES, FastvmError, type ApiName, type OrgId } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { timestamp } from "../api/fastvm/views/timestamp.ts";
import type { LifecycleContext } from "../engine/context.ts";
import { createKey } from "../engine/keys/api-keys.ts";
import { createOrganisation, findOrganisation } from "../engine/organisations/organisations.ts";
import type { ApiKeyRow } from "../store/schema.ts";

interface NewOrganisation {
  readonly name: string;
}

interface NewKey {
  /** Id, name or beginning of an id. Default: the first organisation. */
  readonly org?: string;
  readonly api?: ApiName;
}

const NEW_ORGANISATION = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
const NEW_KEY = {
  type: "object",
  properties: { org: { type: "string" }, api: { type: "string", enum: API_NAMES } },
};

export function registerOrganisations(
  app: FastifyInstance,
  { store, config, clock }: LifecycleContext,
): void {
  app.get("/organisations", async () => (await store.organisations.list()).map(viewOfOrganisation));
  app.post<{ Body: NewOrganisation }>(
    "/organisations",
    { schema: { body: NEW_ORGANISATION } },
    async ({ body }) =>
      viewOfOrganisation(await createOrganisation(store, body.name, config.defaultLimits, clock)),
  );
  app.get<{ Querystring: { org?: string } }>("/keys", async ({ query: { org } }) => {
    const orgId = org === undefined ? undefined : (await findOrganisation(store, org)).id;
    return (await store.apiKeys.list(orgId)).map(viewOfKey);
  });
  app.post<{ Body: NewKey }>("/keys", { schema: { body: NEW_KEY } }, async ({ body: { org, api } }) => {
    const { id } = await findOrganisation(store, org);
    const { key, row } = await createKey(store, id, api ?? "fastvm", clock);
    return { ...viewOfKey(row), key };
  });
  app.delete<{ Params: { id: string } }>("/keys/:id", async ({ params: { id } }) => {
    if (!(await store.apiKeys.remove(id))) throw new FastvmError("not_found", `there is no key ${id}`);
    return { id, deleted: true };
  });
}

function viewOfOrganisation({ id, name, createdAt }: { id: OrgId; name: string; createdAt: number }) {
  return { id, name, createdAt: timestamp(createdAt) };
}

function viewOfKey({ id, orgId, api, createdAt }: ApiKeyRow) {
  return { id, orgId, api, createdAt: timestamp(createdAt) };
}
