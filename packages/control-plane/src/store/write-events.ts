/**
 * The last statements of a transaction: its events get their numbers. The counter's row is held from then on
 * until the commit, so a number is readable only when all below it are, and a transaction that is undone takes
 * its numbers back. Last, and by organisation in one order, so that nobody waits for long or for each other.
 */
import type { OrgId } from "@fastvm/contract";
import type { Kysely } from "kysely";
import { rememberCause } from "./event-causes.ts";
import type { NewEvent } from "./event-repository.ts";
import type { Schema } from "./schema.ts";

export async function writeEvents(trx: Kysely<Schema>, events: readonly NewEvent[]): Promise<void> {
  const byOrg = Map.groupBy(events, ({ orgId }) => orgId);
  for (const [orgId, own] of [...byOrg].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    const before = (await take(trx, orgId, own.length)) - own.length;
    await trx
      .insertInto("events")
      .values(own.map((event, index) => ({ ...event, id: before + 1 + index })))
      .execute();
    own.forEach((_, index) => rememberCause(orgId, before + 1 + index));
  }
}

async function take(trx: Kysely<Schema>, orgId: OrgId, count: number): Promise<number> {
  const { lastId } = await trx
    .insertInto("eventCounters")
    .values({ orgId, lastId: count })
    .onConflict((conflict) =>
      conflict.column("orgId").doUpdateSet((eb) => ({ lastId: eb("eventCounters.lastId", "+", count) })),
    )
    .returning("lastId")
    .executeTakeFirstOrThrow();
  return lastId;
}
