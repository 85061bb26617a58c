/** Brings a database to the newest schema. Migrations are listed by hand: their order is part of the code. */
import { sql, type Kysely } from "kysely";
import { DEFAULT_MIGRATION_TABLE as TABLE, Migrator, type Migration } from "kysely/migration";
import * as initial from "./migrations/0001-initial.ts";
import * as ttl from "./migrations/0002-ttl.ts";
import * as networkRecords from "./migrations/0003-network-records.ts";
import * as snapshotSshKeys from "./migrations/0004-snapshot-ssh-keys.ts";
import * as publicIpv6 from "./migrations/0005-public-ipv6.ts";
import * as autoResume from "./migrations/0006-auto-resume.ts";
import * as quarantine from "./migrations/0007-quarantine.ts";
import * as unwrittenNames from "./migrations/0008-unwritten-names.ts";
import * as generation from "./migrations/0009-generation.ts";
import * as keyApi from "./migrations/0010-key-api.ts";
import * as networkPolicy from "./migrations/0011-network-policy.ts";
import * as eventOrder from "./migrations/0012-event-order.ts";
import * as owed from "./migrations/0013-owed.ts";
import * as consoleTokens from "./migrations/0014-console-tokens.ts";
import * as sealedValues from "./migrations/0015-sealed-values.ts";
import * as machines from "./migrations/0016-machines.ts";
import * as builds from "./migrations/0017-builds.ts";
import * as volumes from "./migrations/0018-volumes.ts";
import * as webhooks from "./migrations/0019-webhooks.ts";
import * as previews from "./migrations/0020-previews.ts";
import * as keyScopes from "./migrations/0021-key-scopes.ts";
import * as warmPools from "./migrations/0022-warm-pools.ts";
import * as sandboxes from "./migrations/0023-sandboxes.ts";
import * as power from "./migrations/0024-power.ts";
import * as endedAt from "./migrations/0025-ended-at.ts";
import * as templates from "./migrations/0026-templates.ts";
import * as lifecyclePolicies from "./migrations/0027-lifecycle-policies.ts";
import * as rootSetup from "./migrations/0028-root-setup.ts";
import * as interception from "./migrations/0029-interception.ts";
import * as audit from "./migrations/0030-audit.ts";
import * as eventSubjects from "./migrations/0031-event-subjects.ts";
import * as labels from "./migrations/0032-labels.ts";
import type { Schema } from "./schema.ts";
import type { StoreKind } from "./store-kind.ts";

/** Throws with the cause when a migration fails; PostgreSQL then has none of it. */
export async function migrate(db: Kysely<Schema>, kind: StoreKind): Promise<void> {
  const migrations: Record<string, Migration> = {
    "0001-initial": { up: (trx) => initial.up(trx, kind) },
    "0002-ttl": { up: (trx) => ttl.up(trx) },
    "0003-network-records": { up: (trx) => networkRecords.up(trx) },
    "0004-snapshot-ssh-keys": { up: (trx) => snapshotSshKeys.up(trx) },
    "0005-public-ipv6": { up: (trx) => publicIpv6.up(trx) },
    "0006-auto-resume": { up: (trx) => autoResume.up(trx) },
    "0007-quarantine": { up: (trx) => quarantine.up(trx) },
    "0008-unwritten-names": { up: (trx) => unwrittenNames.up(trx) },
    "0009-generation": { up: (trx) => generation.up(trx) },
    "0010-key-api": { up: (trx) => keyApi.up(trx) },
    "0011-network-policy": { up: (trx) => networkPolicy.up(trx) },
    "0012-event-order": { up: (trx) => eventOrder.up(trx) },
    "0013-owed": { up: (trx) => owed.up(trx) },
    "0014-console-tokens": { up: (trx) => consoleTokens.up(trx) },
    "0015-sealed-values": { up: (trx) => sealedValues.up(trx) },
    "0016-machines": { up: (trx) => machines.up(trx) },
    "0017-builds": { up: (trx) => builds.up(trx) },
    "0018-volumes": { up: (trx) => volumes.up(trx) },
    "0019-webhooks": { up: (trx) => webhooks.up(trx) },
    "0020-previews": { up: (trx) => previews.up(trx) },
    "0021-key-scopes": { up: (trx) => keyScopes.up(trx) },
    "0022-warm-pools": { up: (trx) => warmPools.up(trx) },
    "0023-sandboxes": { up: (trx) => sandboxes.up(trx) },
    "0024-power": { up: (trx) => power.up(trx) },
    "0025-ended-at": { up: (trx) => endedAt.up(trx) },
    "0026-templates": { up: (trx) => templates.up(trx) },
    "0027-lifecycle-policies": { up: (trx) => lifecyclePolicies.up(trx) },
    "0028-root-setup": { up: (trx) => rootSetup.up(trx) },
    "0029-interception": { up: (trx) => interception.up(trx) },
    "0030-audit": { up: (trx) => audit.up(trx) },
    "0031-event-subjects": { up: (trx) => eventSubjects.up(trx) },
    "0032-labels": { up: (trx) => labels.up(trx) },
  };
  const provider = { getMigrations: () => Promise.resolve(migrations) };
  const schema = await schemaOf(db, kind);
  await refuseNewer(db, schema, Object.keys(migrations));
  const migrator = new Migrator({
    db,
    provider,
    ...(schema !== undefined && { migrationTableSchema: schema }),
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const failed = results?.find((result) => result.status === "Error")?.migrationName ?? "unknown";
  throw new Error(`The store's migration ${failed} failed`, { cause: error });
}

/** Told nothing, the migrator takes tables of its name in any schema of the database for its own, such as another application's. */
async function schemaOf(db: Kysely<Schema>, kind: StoreKind): Promise<string | undefined> {
  if (kind !== "postgres") return undefined;
  const { rows } = await sql<{ schema: string }>`select current_schema() as schema`.execute(db);
  return rows[0]?.schema;
}

/** Records that a newer version wrote mean what this one does not know: they are left as they are. */
async function refuseNewer(
  db: Kysely<Schema>,
  schema: string | undefined,
  known: readonly string[],
): Promise<void> {
  const from = schema === undefined ? sql.id(TABLE) : sql.id(schema, TABLE);
  const found =
    schema === undefined
      ? sql`select name from sqlite_master where name = ${TABLE}`
      : sql`select tablename from pg_tables where schemaname = ${schema} and tablename = ${TABLE}`;
  if ((await found.execute(db)).rows.length === 0) return;
  const { rows } = await sql<{ name: string }>`select name from ${from} order by name`.execute(db);
  const newer = rows.findLast(({ name }) => !known.includes(name));
  if (newer === undefined) return;
  throw new Error(
    `a newer version of FastVM wrote them (${newer.name} is its last change, ${known.at(-1) ?? "none"} this one's); ` +
      "nothing was changed: start that version again, or put back a copy from before it",
  );
}
