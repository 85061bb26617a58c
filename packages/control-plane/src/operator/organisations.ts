/** Organisations and their keys, as whoever runs the host makes them. A key is told once, in the answer that made it. */
import { API_NAMES, type ApiName } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { timestamp } from "../api/fastvm/views/timestamp.ts";
import type { KeyRecord, Operator, Organisation } from "../engine/engine.ts";

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

export function registerOrganisations(app: FastifyInstance, operator: Operator): void {
  app.get("/organisations", async () => (await operator.listOrganisations()).map(viewOfOrganisation));
  app.post<{ Body: NewOrganisation }>(
    "/organisations",
    { schema: { body: NEW_ORGANISATION } },
    async ({ body }) => viewOfOrganisation(await operator.createOrganisation(body.name)),
  );
  app.get<{ Querystring: { org?: string } }>("/keys", async ({ query: { org } }) =>
    (await operator.listKeys(org)).map(viewOfKey),
  );
  app.post<{ Body: NewKey }>("/keys", { schema: { body: NEW_KEY } }, async ({ body: { org, api } }) => {
    const { key, ...record } = await operator.createKey({ organisation: org, api });
    return { ...viewOfKey(record), key };
  });
  app.delete<{ Params: { id: string } }>("/keys/:id", async ({ params: { id } }) => {
    await operator.removeKey(id);
    return { id, deleted: true };
  });
}

function viewOfOrganisation({ id, name, createdAt }: Organisation) {
  return { id, name, createdAt: timestamp(createdAt) };
}

function viewOfKey(key: KeyRecord) {
  return { ...key, createdAt: timestamp(key.createdAt) };
}
