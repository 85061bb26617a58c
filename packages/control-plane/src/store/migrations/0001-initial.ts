import type { Kysely } from "kysely";
import type { StoreKind } from "../store-kind.ts";

/** Organisations, keys, VMs, snapshots, events, and the row that serialises reservations. */
export async function up(db: Kysely<unknown>, kind: StoreKind): Promise<void> {
  await createOrganisations(db);
  await createVms(db);
  await createSnapshots(db);
  await createEvents(db, kind);
  await db.schema
    .createTable("locks")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("revision", "bigint", (column) => column.notNull())
    .execute();
}

async function createOrganisations(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("organisations")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("limit_vcpu", "bigint", (column) => column.notNull())
    .addColumn("limit_memory_mib", "bigint", (column) => column.notNull())
    .addColumn("limit_disk_gib", "bigint", (column) => column.notNull())
    .addColumn("limit_snapshot_count", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("api_keys")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("key_hash", "text", (column) => column.notNull().unique())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
}

async function createVms(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("vms")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("machine_name", "text", (column) => column.notNull())
    .addColumn("cpu", "integer", (column) => column.notNull())
    .addColumn("memory_mib", "integer", (column) => column.notNull())
    .addColumn("disk_gib", "integer", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("status_reason", "text")
    .addColumn("source_name", "text")
    .addColumn("source_snapshot_id", "text")
    .addColumn("source_vm_id", "text")
    .addColumn("metadata", "text", (column) => column.notNull())
    .addColumn("env_vars", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("paused_at", "bigint")
    .addColumn("pause_count", "integer", (column) => column.notNull())
    .addColumn("queued_at", "bigint")
    .addColumn("request_fingerprint", "text")
    .execute();
  await db.schema.createIndex("vms_by_org").on("vms").columns(["org_id", "created_at"]).execute();
  await db.schema.createIndex("vms_by_status").on("vms").column("status").execute();
  await db.schema.createIndex("vms_by_queue").on("vms").column("queued_at").execute();
  await db.schema.createIndex("vms_by_fingerprint").on("vms").column("request_fingerprint").execute();
}

async function createSnapshots(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("snapshots")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("org_id", "text", (column) => column.notNull().references("organisations.id"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("vm_id", "text", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("status_reason", "text")
    .addColumn("machine_name", "text", (column) => column.notNull())
    .addColumn("cpu", "integer", (column) => column.notNull())
    .addColumn("memory_mib", "integer", (column) => column.notNull())
    .addColumn("disk_gib", "integer", (column) => column.notNull())
    .addColumn("metadata", "text", (column) => column.notNull())
    .addColumn("env_vars", "text", (column) => column.notNull())
    .addColumn("pause_cycle", "integer")
    .addColumn("pause_ms", "double precision")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("snapshots_by_org").on("snapshots").columns(["org_id", "created_at"]).execute();
  await db.schema.createIndex("snapshots_by_vm").on("snapshots").column("vm_id").execute();
}

async function createEvents(db: Kysely<unknown>, kind: StoreKind): Promise<void> {
  const table = db.schema.createTable("events");
  // SQLite numbers rows without reuse only for `integer primary key autoincrement`; PostgreSQL has its sequence.
  const numbered =
    kind === "sqlite"
      ? table.addColumn("id", "integer", (column) => column.primaryKey().autoIncrement())
      : table.addColumn("id", "bigserial", (column) => column.primaryKey());
  await numbered
    .addColumn("org_id", "text", (column) => column.notNull())
    .addColumn("subject_kind", "text", (column) => column.notNull())
    .addColumn("subject_id", "text", (column) => column.notNull())
    .addColumn("from_status", "text")
    .addColumn("to_status", "text")
    .addColumn("cause", "text", (column) => column.notNull())
    .addColumn("actor", "text", (column) => column.notNull())
    .addColumn("detail", "text")
    .addColumn("at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("events_by_subject").on("events").columns(["subject_id", "id"]).execute();
}
