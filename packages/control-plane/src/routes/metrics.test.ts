import Fastify from "fastify";
import { expect, test } from "vitest";
import { answerErrors } from "../app/answer-error.ts";
import type { Records } from "../store/records.ts";
import { registerMetrics } from "./metrics.ts";

/** Two organisations with a key each; the first is the owner's. */
const records = {
  apiKeys: { findByHash: async () => ({ id: "key", orgId: "second" }) },
  organisations: { first: async () => ({ id: "first" }) },
} as unknown as Records;

async function status(options: {
  remoteAddress: string;
  headers?: Record<string, string>;
  owner?: boolean;
}): Promise<number> {
  const app = Fastify();
  answerErrors(app, { info: () => undefined, warn: () => undefined, error: () => undefined });
  const owner = {
    ...records,
    organisations: { first: async () => ({ id: "second" }) },
  } as unknown as Records;
  registerMetrics(app, options.owner === true ? owner : records, {
    contentType: "text/plain",
    read: async () => "up 1\n",
  });
  const { remoteAddress, headers = {} } = options;
  return (await app.inject({ method: "GET", url: "/metrics", remoteAddress, headers })).statusCode;
}

test.each([
  ["the machine itself", { remoteAddress: "127.0.0.1" }, 200],
  ["the machine itself, over IPv6", { remoteAddress: "::1" }, 200],
  ["a mapped address of the machine", { remoteAddress: "::ffff:127.0.0.1" }, 200],
  [
    "a proxy on the machine",
    { remoteAddress: "127.0.0.1", headers: { "x-forwarded-for": "198.51.100.1" } },
    401,
  ],
  ["anybody", { remoteAddress: "198.51.100.1" }, 401],
  ["another organisation's key", { remoteAddress: "198.51.100.1", headers: { "x-api-key": "k" } }, 403],
  ["the owner's key", { remoteAddress: "198.51.100.1", headers: { "x-api-key": "k" }, owner: true }, 200],
])("%s", async (_, options, expected) => {
  expect(await status(options)).toBe(expected);
});
