import { FastvmError } from "@fastvm/contract";
import type { FastifyRequest } from "fastify";
import type { Records } from "../store/records.ts";
import { authenticate } from "./authenticate.ts";

/** Whoever runs the host has a key of the first organisation. Throws `unauthorized` or, with what is kept from others, `forbidden`. */
export async function authenticateOwner(
  records: Records,
  request: FastifyRequest,
  what: string,
): Promise<void> {
  const { orgId } = await authenticate(records, request);
  if (orgId !== (await records.organisations.first())?.id) throw new FastvmError("forbidden", what);
}
