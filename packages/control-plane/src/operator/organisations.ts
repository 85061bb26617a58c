/** Organisations and their keys, as whoever runs the host makes them. A key is told once, in the answer that made it. */
import { CreateKeyBodySchema, type CreateKeyBody, type ResourceAmounts } from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import { timestamp } from "../api/fastvm/views/timestamp.ts";
import { keyView } from "../api/fastvm/views/key-view.ts";
import type { Operator, Organisation } from "../engine/engine.ts";

interface NewOrganisation {
  readonly name: string;
}

interface NewKey extends CreateKeyBody {
  /** Id, name or beginning of an id. Default: the first organisation. */
  readonly org?: string;
}

const NEW_ORGANISATION = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
/** As many of a thing as a database's integers count. */
const AMOUNT = { type: "integer", minimum: 0, maximum: 2 ** 31 - 1 };
const LIMITS = {
  type: "object",
  additionalProperties: false,
  properties: {
    vcpu: AMOUNT,
    memoryMiB: AMOUNT,
    diskGiB: AMOUNT,
    snapshotCount: AMOUNT,
    volumeCount: AMOUNT,
    volumeGiB: AMOUNT,
  } satisfies Record<keyof ResourceAmounts, object>,
};
/** Of what is absent or misspelt a key could do more. */
const NEW_KEY = {
  ...CreateKeyBodySchema,
  properties: { ...CreateKeyBodySchema.properties, org: { type: "string" } },
};

export function registerOrganisations(app: FastifyInstance, operator: Operator): void {
  app.get("/organisations", async () => (await operator.listOrganisations()).map(viewOfOrganisation));
  app.post<{ Body: NewOrganisation }>(
    "/organisations",
    { schema: { body: NEW_ORGANISATION } },
    async ({ body }) => viewOfOrganisation(await operator.createOrganisation(body.name)),
  );
  app.put<{ Params: { org: string }; Body: Partial<ResourceAmounts> }>(
    "/organisations/:org/limits",
    { schema: { body: LIMITS } },
    async ({ params: { org }, body }) => await operator.setLimits(org, body),
  );
  app.delete<{ Params: { org: string }; Querystring: { force?: "true" } }>(
    "/organisations/:org",
    async ({ params: { org }, query: { force } }) =>
      viewOfOrganisation(await operator.removeOrganisation(org, force === "true")),
  );
  app.get<{ Querystring: { org?: string } }>("/keys", async ({ query: { org } }) =>
    (await operator.listKeys(org)).map(keyView),
  );
  app.post<{ Body: NewKey }>("/keys", { schema: { body: NEW_KEY } }, async ({ body }) => {
    const { org, expiresAt, ...order } = body;
    const { key, ...record } = await operator.createKey({
      ...order,
      organisation: org,
      expiresAt: expiresAt === undefined ? undefined : Date.parse(expiresAt),
    });
    return { ...keyView(record), key };
  });
  app.delete<{ Params: { id: string } }>("/keys/:id", async ({ params: { id } }) => {
    await operator.removeKey(id);
    return { id, deleted: true };
  });
}

function viewOfOrganisation({ id, name, createdAt }: Organisation) {
  return { id, name, createdAt: timestamp(createdAt) };
}
