/**
 * Orders that come with a key of the client's are carried out once. The key is taken in the transaction that records what the
 * order makes: whenever this process ends, both are there or neither is. What was answered is kept beside it and is
 * what the same order gets again, whatever has become of the thing since.
 */
import { FastvmError } from "@fastvm/contract";
import type { OrderKeyRow } from "../../store/schema.ts";
import type { Records } from "../../store/records.ts";
import type { Caller } from "../caller.ts";
import type { Parts } from "../context.ts";

/** How long a key means its first order. */
export const ORDER_KEY_LIFETIME_MS = 24 * 3_600_000;

export interface OrderKey {
  readonly key: string;
  /** Of all that the order says. */
  readonly digest: string;
}

export class OrderKeys {
  readonly #ctx: Parts<"store" | "clock">;

  constructor(ctx: Parts<"store" | "clock">) {
    this.#ctx = ctx;
  }

  /** What was answered to the order; `undefined` when it was not, or not yet. Throws `conflict` for a key of another order. */
  async answered(caller: Caller, order: OrderKey): Promise<unknown> {
    const row = await this.#ctx.store.orderKeys.get(caller.orgId, order.key);
    if (row === undefined || isOld(row, this.#ctx.clock.now())) return undefined;
    requireSame(row, order);
    return row.answer === null ? undefined : (JSON.parse(row.answer) as unknown);
  }

  async keepAnswer(caller: Caller, { key }: OrderKey, answer: unknown): Promise<void> {
    await this.#ctx.store.orderKeys.keepAnswer(caller.orgId, key, JSON.stringify(answer));
  }
}

/** What the same order made, or is making, under its key. Throws `conflict` for a key of another order. */
export async function madeUnderKey(
  records: Records,
  { orgId }: Caller,
  order: OrderKey,
  at: number,
): Promise<string | undefined> {
  const row = await records.orderKeys.get(orgId, order.key);
  if (row === undefined || isOld(row, at)) return undefined;
  requireSame(row, order);
  return row.subjectId;
}

/** A taken key. */
type Taken =
  | { readonly kind: "ours" }
  /** The order was given before. */
  | { readonly kind: "earlier"; readonly subjectId: string };

/**
 * Call it in the transaction that records the thing, before anything is reserved. `isStillThere` says of what an earlier order made
 * whether it counts: if not, and nothing was ever answered, the order is carried out now.
 */
export async function takeOrderKey(
  records: Records,
  caller: Caller,
  order: OrderKey,
  subjectId: string,
  at: number,
  isStillThere: (subjectId: string) => Promise<boolean>,
): Promise<Taken> {
  const { orgId } = caller;
  const fresh = { orgId, key: order.key, digest: order.digest, subjectId, answer: null, createdAt: at };
  await records.orderKeys.removeOlder(at - ORDER_KEY_LIFETIME_MS);
  if (await records.orderKeys.add(fresh)) return { kind: "ours" };
  const row = await records.orderKeys.get(orgId, order.key);
  if (row === undefined) throw new FastvmError("conflict", "another order was given under its key meanwhile");
  requireSame(row, order);
  if (row.answer !== null || (await isStillThere(row.subjectId))) {
    return { kind: "earlier", subjectId: row.subjectId };
  }
  if (await records.orderKeys.replaceSubject(row, subjectId, at)) return { kind: "ours" };
  throw new FastvmError("conflict", "the same order is carried out now");
}

function isOld(row: OrderKeyRow, now: number): boolean {
  return row.createdAt < now - ORDER_KEY_LIFETIME_MS;
}

function requireSame(row: OrderKeyRow, { digest }: OrderKey): void {
  if (row.digest === digest) return;
  throw new FastvmError("conflict", "its Idempotency-Key came with another order before", {
    field: "Idempotency-Key",
  });
}
