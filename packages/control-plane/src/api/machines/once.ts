/** `Idempotency-Key`: the same order under the same key gets the answer that it got, and nothing is made twice. */
import { createHash } from "node:crypto";
import { FastvmError } from "@fastvm/contract";
import type { FastifyRequest } from "fastify";
import type { Caller, OrderKey } from "../../engine/engine.ts";
import type { Answer } from "../shared/operation-route.ts";
import type { MachinesScope } from "./machines-scope.ts";

/** Clients send UUIDs or names of their own; what is longer is neither. */
const MAX_KEY_LENGTH = 255;

interface Order {
  readonly operation: string;
  readonly request: FastifyRequest;
}

export async function once(
  { engine }: Pick<MachinesScope, "engine">,
  caller: Caller,
  { operation, request }: Order,
  make: (key: OrderKey | undefined) => Promise<Answer>,
): Promise<Answer> {
  const key = keyOf(request.headers["idempotency-key"]);
  if (key === undefined) return make(undefined);
  const { body, params } = request;
  const order = { key, digest: digestOf({ operation, body, params }) };
  const earlier = await engine.orderKeys.answered(caller, order);
  if (earlier !== undefined) return earlier as Answer;
  await engine.orderKeys.keepAnswer(caller, order, await make(order));
  // Of several that came at once, the first that was kept is everybody's.
  return (await engine.orderKeys.answered(caller, order)) as Answer;
}

function keyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const key = String(header).trim();
  if (key.length > 0 && key.length <= MAX_KEY_LENGTH) return key;
  const rule = `Idempotency-Key must have 1 to ${MAX_KEY_LENGTH} characters`;
  throw new FastvmError("invalid_request", rule, { field: "Idempotency-Key" });
}

/** The order of fields says nothing, and `null` is as if the field were not there. */
function digestOf(order: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(canonical(order)))
    .digest("hex");
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => canonical(item));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inside]) => inside !== null && inside !== undefined);
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, inside]) => [name, canonical(inside)]);
}
