import { FastvmError } from "@fastvm/contract";
import type { FastifyRequest } from "fastify";
import type { Caller, Engine } from "../../engine/engine.ts";
import { recognise } from "../../http/strangers/visitor.ts";
import type { ApiDialect } from "./api-dialect.ts";

/** Throws `unauthorized` for a missing key, an unknown one and one that is for another API alike. */
export async function authenticate(
  dialect: Pick<ApiDialect, "name" | "presentedKey">,
  keys: Pick<Engine["keys"], "callerOf">,
  request: FastifyRequest,
): Promise<Caller> {
  const key = dialect.presentedKey(request.headers);
  const caller = key === undefined ? undefined : await keys.callerOf(key, dialect.name);
  if (caller === undefined) throw new FastvmError("unauthorized");
  recognise(request.raw);
  return caller;
}
