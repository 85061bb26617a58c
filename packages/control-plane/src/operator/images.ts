/** Images of registries and archives, as whoever runs the host brings them here. They belong to the host, and to no organisation. */
import {
  DEFAULT_MACHINE_TYPE,
  FastvmError,
  type HeldImage,
  type ImageHolding,
  type PullOrder,
} from "@fastvm/contract";
import type { FastifyInstance } from "fastify";
import type { Readable } from "node:stream";
import { clientGone } from "../api/shared/client-gone.ts";
import { timestamp } from "../api/fastvm/views/timestamp.ts";

interface PullBody {
  readonly reference: string;
  readonly policy?: PullOrder["policy"];
  readonly username?: string;
  readonly password?: string;
}

interface WarmBody {
  readonly image: string;
  readonly machineType?: string;
}

interface ImageQuery {
  readonly Querystring: { readonly image: string };
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
const IMAGE_QUERY = { type: "object", required: ["image"], properties: { image: { type: "string" } } };
const WARM_BODY = {
  type: "object",
  required: ["image"],
  properties: { image: { type: "string" }, machineType: { type: "string" } },
};
const LOAD_QUERY = { type: "object", properties: { name: { type: "string" } } };
const ARCHIVE_TYPE = "application/x-tar";

export function registerImages(app: FastifyInstance, images: ImageHolding): void {
  // Read as it comes by whoever wants it; its bounds are those of an image.
  app.addContentTypeParser(ARCHIVE_TYPE, { bodyLimit: Number.MAX_SAFE_INTEGER }, (_request, payload, done) =>
    done(null, payload),
  );
  app.get("/images", async () => (await images.list()).map(viewOf));
  app.post<{ Body: PullBody }>("/images/pull", { schema: { body: PULL_BODY } }, async ({ body }, reply) =>
    viewOf(await images.pull(orderOf(body), { signal: clientGone(reply) })),
  );
  app.get<ImageQuery>("/images/inspect", { schema: { querystring: IMAGE_QUERY } }, async ({ query }) => {
    const { layers, settings, ...image } = await images.inspect(query.image);
    return { ...viewOf(image), layers, settings };
  });
  app.delete<ImageQuery>("/images", { schema: { querystring: IMAGE_QUERY } }, async ({ query }) => ({
    removed: await images.remove(query.image),
  }));
  app.post<{ Body: Readable; Querystring: { name?: string } }>(
    "/images/load",
    { schema: { querystring: LOAD_QUERY }, bodyLimit: Number.MAX_SAFE_INTEGER },
    async ({ body, query: { name } }, reply) => {
      if (typeof body.pipe !== "function")
        throw new FastvmError("invalid_request", `the body is to be ${ARCHIVE_TYPE}`);
      return (await images.load(body, { name, signal: clientGone(reply) })).map(viewOf);
    },
  );
  app.post<{ Body: WarmBody }>("/images/warm", { schema: { body: WARM_BODY } }, async ({ body }) => {
    await images.warm(body.image, body.machineType ?? DEFAULT_MACHINE_TYPE);
    return { image: body.image };
  });
  app.get<ImageQuery>("/images/archive", { schema: { querystring: IMAGE_QUERY } }, async ({ query }, reply) =>
    reply.type(ARCHIVE_TYPE).send(await images.save(query.image)),
  );
}

function orderOf({ reference, policy = "if-missing", username, password }: PullBody): PullOrder {
  if ((username === undefined) !== (password === undefined)) {
    throw new FastvmError("invalid_request", "a user name and a password go together", { field: "password" });
  }
  const credentials = username === undefined || password === undefined ? undefined : { username, password };
  return { reference, policy, credentials };
}

function viewOf({ reference, digest, platform, sizeBytes, pulledAtMs }: HeldImage) {
  return { reference, digest, platform, sizeBytes, pulledAt: timestamp(pulledAtMs) };
}
