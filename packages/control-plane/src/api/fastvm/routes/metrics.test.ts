import type { OrgId, Scope } from "@fastvm/contract";
import Fastify from "fastify";
import { expect, test } from "vitest";
import { answerErrors } from "../../shared/answer-error.ts";
import { renderError } from "../errors.ts";
import { registerMetrics } from "./metrics.ts";

async function status(
  remoteAddress: string,
  key: string | undefined,
  scopes: readonly Scope[] = ["admin"],
  isOver = false,
): Promise<number> {
  const app = Fastify();
  answerErrors(
    app,
    { info: () => undefined, warn: () => undefined, error: () => undefined },
    () => renderError,
  );
  const holder = {
    keyId: "key",
    orgId: "first" as OrgId,
    scopes,
    rate: { limit: 1, remaining: 0, resetMs: 1, isOver },
  };
  const keys = { holderOf: async (given: string) => (given === "k" ? holder : undefined) };
  registerMetrics({
    scope: app,
    engine: { keys },
    metrics: { contentType: "text/plain", read: async () => "up 1\n" },
  });
  const headers = key === undefined ? {} : { "x-api-key": key };
  return (await app.inject({ method: "GET", url: "/metrics", remoteAddress, headers })).statusCode;
}

test.each(["127.0.0.1", "::1", "::ffff:127.0.0.1", "198.51.100.1"])(
  "from %s a key with the scope of the host's figures reads them, and nobody else",
  async (address) => {
    expect(await status(address, undefined)).toBe(401);
    expect(await status(address, "wrong")).toBe(401);
    expect(await status(address, "k")).toBe(404);
    expect(await status(address, "k", ["metrics"])).toBe(200);
    expect(await status(address, "k", ["metrics"], true)).toBe(429);
    expect(await status(address, undefined, ["metrics"])).toBe(401);
  },
);
