import type { OrgId } from "@fastvm/contract";
import Fastify from "fastify";
import { expect, test } from "vitest";
import type { Caller } from "../../../engine/engine.ts";
import { answerErrors } from "../../shared/answer-error.ts";
import { renderError } from "../errors.ts";
import { registerMetrics, type MayReadHostFigures } from "./metrics.ts";

const CALLER: Caller = { keyId: "key", orgId: "first" as OrgId };
const engine = { keys: { callerOf: async (key: string) => (key === "k" ? CALLER : undefined) } };

async function status(
  remoteAddress: string,
  key: string | undefined,
  may?: MayReadHostFigures,
): Promise<number> {
  const app = Fastify();
  answerErrors(
    app,
    { info: () => undefined, warn: () => undefined, error: () => undefined },
    () => renderError,
  );
  registerMetrics(
    { scope: app, engine, metrics: { contentType: "text/plain", read: async () => "up 1\n" } },
    may,
  );
  const headers = key === undefined ? {} : { "x-api-key": key };
  return (await app.inject({ method: "GET", url: "/metrics", remoteAddress, headers })).statusCode;
}

test.each(["127.0.0.1", "::1", "::ffff:127.0.0.1", "198.51.100.1"])(
  "from %s a key with the right to the host's figures reads them, and nobody else",
  async (address) => {
    expect(await status(address, undefined)).toBe(401);
    expect(await status(address, "wrong")).toBe(401);
    expect(await status(address, "k")).toBe(404);
    expect(await status(address, "k", ({ keyId }) => keyId === CALLER.keyId)).toBe(200);
    expect(await status(address, undefined, () => true)).toBe(401);
  },
);
