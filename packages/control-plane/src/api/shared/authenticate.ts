/** Who asks, whether that key may ask for this, and how often it still may. */
import { FastvmError, hasScope, type Scope } from "@fastvm/contract";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Caller, Engine, KeyHolder } from "../../engine/engine.ts";
import { recognise } from "../../http/strangers/visitor.ts";
import type { ApiDialect } from "./api-dialect.ts";

const MS_PER_SECOND = 1_000;

/** Throws `unauthorized` for a missing key, an unknown one, one that has expired and one that is for another API alike. */
export async function identify(
  dialect: Pick<ApiDialect, "name" | "presentedKey">,
  keys: Pick<Engine["keys"], "holderOf">,
  request: FastifyRequest,
): Promise<KeyHolder> {
  const key = dialect.presentedKey(request.headers);
  const holder = key === undefined ? undefined : await keys.holderOf(key, dialect.name);
  if (holder === undefined) throw new FastvmError("unauthorized");
  recognise(request.raw);
  return holder;
}

/**
 * Throws besides `insufficient_scope` for a key without the `needed` scope, and `too_many_requests`. The answer says what is
 * left of its minute.
 */
export async function authenticate(
  dialect: Pick<ApiDialect, "name" | "presentedKey">,
  keys: Pick<Engine["keys"], "holderOf">,
  needed: Scope,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Caller> {
  const { scopes, rate, ...caller } = await identify(dialect, keys, request);
  if (rate !== undefined) {
    const resetSec = String(Math.ceil(rate.resetMs / MS_PER_SECOND));
    // As https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/05/ has them.
    reply.headers({
      "ratelimit-limit": String(rate.limit),
      "ratelimit-remaining": String(rate.remaining),
      "ratelimit-reset": resetSec,
    });
    if (rate.isOver) {
      reply.header("retry-after", resetSec);
      throw new FastvmError("too_many_requests");
    }
  }
  assertScope(scopes, needed);
  return caller;
}

function assertScope(scopes: readonly Scope[], needed: Scope): void {
  if (hasScope(scopes, needed)) return;
  throw new FastvmError(
    "insufficient_scope",
    `it has ${scopes.join(", ") || "none"}, and this takes \`${needed}\``,
  );
}
