/** Who asks, whether that key may ask for this, and how often it still may. */
import { FastvmError, hasScope, type Scope } from "@fastvm/contract";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Caller, Engine, KeyHolder } from "../../engine/engine.ts";
import { recognise } from "../../http/strangers/visitor.ts";
import { rememberCaller } from "./audit-changes.ts";
import type { ApiDialect } from "./api-dialect.ts";

const MS_PER_SECOND = 1_000;

/**
 * Throws `unauthorized` for a missing key, an unknown one, one that has expired and one that is for another API alike, and
 * `too_many_requests`. The answer says what is left of the key's minute.
 */
export async function identify(
  dialect: Pick<ApiDialect, "name" | "presentedKey">,
  keys: Pick<Engine["keys"], "holderOf">,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<KeyHolder> {
  const key = dialect.presentedKey(request.headers);
  const holder = key === undefined ? undefined : await keys.holderOf(key, dialect.name);
  if (holder === undefined) throw new FastvmError("unauthorized");
  recognise(request.raw);
  rememberCaller(request, holder);
  if (holder.rate !== undefined) hold(holder.rate, reply);
  return holder;
}

/** Throws besides `insufficient_scope` for a key without the `needed` scope. */
export async function authenticate(
  dialect: Pick<ApiDialect, "name" | "presentedKey">,
  keys: Pick<Engine["keys"], "holderOf">,
  needed: Scope,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Caller> {
  const { scopes, orgId, keyId } = await identify(dialect, keys, request, reply);
  assertScope(scopes, needed);
  return { orgId, keyId };
}

/** As https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/05/ has it. */
function hold(
  { limit, remaining, resetMs, isOver }: NonNullable<KeyHolder["rate"]>,
  reply: FastifyReply,
): void {
  const resetSec = String(Math.ceil(resetMs / MS_PER_SECOND));
  reply.headers({
    "ratelimit-limit": String(limit),
    "ratelimit-remaining": String(remaining),
    "ratelimit-reset": resetSec,
  });
  if (!isOver) return;
  reply.header("retry-after", resetSec);
  throw new FastvmError("too_many_requests");
}

function assertScope(scopes: readonly Scope[], needed: Scope): void {
  if (hasScope(scopes, needed)) return;
  throw new FastvmError(
    "insufficient_scope",
    `it has ${scopes.join(", ") || "none"}, and this takes \`${needed}\``,
  );
}
