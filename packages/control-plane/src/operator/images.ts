/** Images of registries and archives, as whoever runs the host brings them here, for everybody or one organisation, and sees all. */
import {
  DEFAULT_MACHINE_TYPE,
  FastvmError,
  type HeldImage,
  type ImageHolding,
  type ImageOwner,
  type ImportOrder,
  type PullOrder,
} from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import type { Readable } from "node:stream";
import { clientGone } from "../api/shared/client-gone.ts";
import type { Operator } from "../engine/engine.ts";
import { parseStart, START_BODY, type StartBody } from "./image-start.ts";
import { timestamp } from "../api/fastvm/views/timestamp.ts";

interface PullBody {
  readonly reference: string;
  readonly policy?: PullOrder["policy"];
  readonly username?: string;
  readonly password?: string;
}

interface WarmBody {
  readonly org?: string;
  readonly image: string;
  readonly machineType?: string;
}

interface ImportBody {
  readonly path: string;
  readonly format: ImportOrder["format"];
  readonly name: string;
  readonly org?: string;
}

interface ImageQuery {
  readonly Querystring: { readonly image: string; readonly org?: string };
}

const POLICIES: readonly PullOrder["policy"][] = ["if-missing", "always", "never"];
/** Headers have room for it, and no registry has longer ones. */
const MAX_CREDENTIAL_LENGTH = 4096;
const CREDENTIAL = { type: "string", maxLength: MAX_CREDENTIAL_LENGTH };
const PULL_BODY = {
  type: "object",
  required: ["reference"],
  properties: {
    reference: { type: "string" },
    policy: { type: "string", enum: POLICIES },
    username: CREDENTIAL,
    password: CREDENTIAL,
  },
};
const IMAGE_QUERY = {
  type: "object",
  required: ["image"],
  properties: { image: { type: "string" }, org: { type: "string" } },
};
const WARM_BODY = {
  type: "object",
  required: ["image"],
  properties: { image: { type: "string" }, machineType: { type: "string" }, org: { type: "string" } },
};
const IMPORT_BODY = {
  type: "object",
  required: ["path", "format", "name"],
  properties: {
    path: { type: "string" },
    format: { type: "string", enum: ["folder", "raw", "qcow2", "vmdk"] },
    name: { type: "string" },
    org: { type: "string" },
  },
};
const LOAD_QUERY = { type: "object", properties: { name: { type: "string" }, org: { type: "string" } } };
const ARCHIVE_TYPE = "application/x-tar";

export function registerImages(app: FastifyInstance, images: ImageHolding, operator: Operator): void {
  // Read as it comes by whoever wants it; its bounds are those of an image.
  app.addContentTypeParser(ARCHIVE_TYPE, { bodyLimit: Number.MAX_SAFE_INTEGER }, (_request, payload, done) =>
    done(null, payload),
  );
  app.get("/images", async () => (await images.list()).map(viewOf));
  app.post<{ Body: PullBody }>("/images/pull", { schema: { body: PULL_BODY } }, async ({ body }, reply) =>
    viewOf(await images.pull(orderOf(body), { signal: clientGone(reply) })),
  );
  app.get<ImageQuery>("/images/inspect", { schema: { querystring: IMAGE_QUERY } }, async ({ query }) => {
    const owner = await ownerOf(images, operator, query);
    const { layers, settings, ...image } = await images.inspect(query.image, owner);
    return { ...viewOf(image), layers, settings };
  });
  app.delete<ImageQuery>("/images", { schema: { querystring: IMAGE_QUERY } }, async ({ query }) => ({
    removed: await images.remove(query.image, await operator.imageOwner(query.org)),
  }));
  app.post<{ Body: Readable; Querystring: { name?: string; org?: string } }>(
    "/images/load",
    { schema: { querystring: LOAD_QUERY }, bodyLimit: Number.MAX_SAFE_INTEGER },
    async ({ body, query: { name, org } }, reply) => {
      if (typeof body.pipe !== "function")
        throw new FastvmError("invalid_request", `the body is to be ${ARCHIVE_TYPE}`);
      const owner = await operator.imageOwner(org);
      return (await images.load(body, { name, owner, signal: clientGone(reply) })).map(viewOf);
    },
  );
  app.post<{ Body: ImportBody }>(
    "/images/import",
    { schema: { body: IMPORT_BODY } },
    async ({ body: { org, ...order } }, reply) => {
      const owner = await operator.imageOwner(org);
      return viewOf(await images.import({ ...order, owner }, { signal: clientGone(reply) }));
    },
  );
  app.post<{ Body: StartBody }>("/images/start", { schema: { body: START_BODY } }, async ({ body }) =>
    viewOf(await images.setStart(body.image, parseStart(body), await operator.imageOwner(body.org))),
  );
  app.post<{ Body: WarmBody }>("/images/warm", { schema: { body: WARM_BODY } }, async ({ body }) => {
    const owner = await ownerOf(images, operator, body);
    await images.warm(body.image, body.machineType ?? DEFAULT_MACHINE_TYPE, owner);
    return { image: body.image };
  });
  app.get<ImageQuery>("/images/archive", { schema: { querystring: IMAGE_QUERY } }, async ({ query }, reply) =>
    reply.type(ARCHIVE_TYPE).send(await images.save(query.image, await ownerOf(images, operator, query))),
  );
}

interface Wanted {
  readonly image: string;
  readonly org?: string;
}

/** By whom it is seen: of everybody's and all organisations' the one that has it, if all that have mean the same. */
async function ownerOf(
  images: ImageHolding,
  operator: Operator,
  { image, org }: Wanted,
): Promise<ImageOwner> {
  if (org !== undefined) return await operator.imageOwner(org);
  const owners = new Set((await images.list()).map(({ owner }) => owner));
  const found = new Map<string, ImageOwner>();
  for (const owner of owners) {
    const details = await images.inspect(image, owner).catch(unlessFound);
    if (details !== undefined && !found.has(details.digest)) found.set(details.digest, details.owner);
  }
  if (found.size > 1)
    throw new FastvmError("conflict", `organisations mean different things by ${image}: say whose is meant`);
  return [...found.values()][0] ?? "everybody";
}

function unlessFound(error: unknown): undefined {
  if (!(error instanceof FastvmError) || error.code !== "not_found") throw error;
}

function orderOf({ reference, policy = "if-missing", username, password }: PullBody): PullOrder {
  if ((username === undefined) !== (password === undefined)) {
    throw new FastvmError("invalid_request", "a user name and a password go together", { field: "password" });
  }
  const credentials = username === undefined || password === undefined ? undefined : { username, password };
  return { reference, policy, credentials };
}

function viewOf({ reference, digest, platform, sizeBytes, pulledAtMs, owner, start }: HeldImage) {
  return { reference, digest, platform, sizeBytes, pulledAt: timestamp(pulledAtMs), owner, start };
}
