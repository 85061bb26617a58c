import { FastvmError, type ApiName } from "@fastvm/contract";
import type { FastifyRequest } from "fastify";
import { recognise } from "../../http/strangers/visitor.ts";
import type { Caller } from "../../engine/caller.ts";
import type { Records } from "../../store/records.ts";
import { hashApiKey, presentedKey } from "../../engine/keys/api-keys.ts";

/** Throws `unauthorized` for a missing key, an unknown one and one that is for another API alike. */
export async function authenticate(
  records: Records,
  request: FastifyRequest,
  api: ApiName = "fastvm",
): Promise<Caller> {
  const key = presentedKey(request.headers);
  const row = key === undefined ? undefined : await records.apiKeys.findByHash(hashApiKey(key));
  if (row?.api !== api) throw new FastvmError("unauthorized");
  recognise(request.raw);
  return { orgId: row.orgId, keyId: row.id };
}
