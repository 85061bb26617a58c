/** Records of VMs. A change of state names the state before it, so that of two only one succeeds. */
import type { OrgId, ResourceAmounts, SnapshotId, VmId, VmStatus } from "@fastvm/contract";
import { sql, type Kysely } from "kysely";
import { canExist, isIdPrefix, isWholeId, pickReferenced } from "./references.ts";
import { prepared } from "./prepared.ts";
import type { Schema, VmRow } from "./schema.ts";
import type { ChangeListener } from "./change-notices.ts";
import { readSettings, writeSettings, type VmSettings } from "./vm-settings.ts";

export interface VmRecord extends Omit<VmRow, keyof VmSettings>, VmSettings {}

/** What may change after a VM was made. */
export type VmChanges = Partial<
  Pick<
    VmRecord,
    | "name"
    | "metadata"
    | "statusReason"
    | "pausedAt"
    | "pauseCount"
    | "queuedAt"
    | "ttlAction"
    | "ttlSeconds"
    | "ttlRemainingMs"
    | "expiresAt"
    | "publicIpv6"
    | "generation"
    | "network"
    | "interception"
    | "services"
    | "sshKeys"
    | "autoResume"
    | "inactivityMs"
    | "inactivityAction"
    | "guestWorkCounts"
    | "maxLifeMs"
    | "maxLifeAction"
    | "lifeEndsAt"
    | "startedAt"
    | "endedAt"
    | "lastActiveAt"
    | "restartPolicy"
    | "restartAt"
    | "restartCount"
    | "volumes"
    | "rootSetup"
  >
>;

/** Statuses whose VMs hold memory and vCPUs, or are about to. A queued VM holds its quota but no room on the host. */
const ACTIVE: readonly VmStatus[] = ["provisioning", "running", "pausing", "resuming", "deleting"];

const byId = prepared((db) =>
  db
    .selectFrom("vms")
    .selectAll()
    .where("id", "=", "" as VmId),
);

export class VmRepository {
  readonly #db: Kysely<Schema>;
  readonly #onChange: ChangeListener<VmId>;

  constructor(db: Kysely<Schema>, onChange: ChangeListener<VmId>) {
    this.#db = db;
    this.#onChange = onChange;
  }

  async create(vm: VmRecord): Promise<void> {
    await this.#db
      .insertInto("vms")
      .values({ ...vm, ...writeSettings(vm) })
      .execute();
    this.#onChange(vm.id);
  }

  async get(id: VmId): Promise<VmRecord | undefined> {
    const [row] = await byId(this.#db, id);
    return row === undefined ? undefined : parse(row);
  }

  /** By id, unique name or unique beginning of an id, within one organisation. One of a pool is nobody's. */
  async find(orgId: OrgId, reference: string): Promise<VmRecord | undefined> {
    if (!canExist(reference)) return undefined;
    if (isWholeId(reference)) {
      const [exact] = await byId(this.#db, reference);
      if (exact?.orgId === orgId && exact.poolId === null) return parse(exact);
    }
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("orgId", "=", orgId)
      .where("poolId", "is", null)
      .where((eb) =>
        eb.or([
          eb("id", "=", reference as VmId),
          eb("name", "=", reference),
          ...(isIdPrefix(reference) ? [eb("id", "like", `${reference}%` as VmId)] : []),
        ]),
      )
      .execute();
    const row = pickReferenced(reference, rows);
    return row === undefined ? undefined : parse(row);
  }

  /** Newest first, without those of pools. */
  async list(orgId: OrgId, statuses: readonly string[] | undefined): Promise<VmRecord[]> {
    // PostgreSQL knows no empty list of values.
    if (statuses?.length === 0) return [];
    let query = this.#db.selectFrom("vms").selectAll().where("orgId", "=", orgId).where("poolId", "is", null);
    if (statuses !== undefined) query = query.where("status", "in", statuses as VmStatus[]);
    const rows = await query.orderBy("createdAt", "desc").orderBy("id").execute();
    return rows.map((row) => parse(row));
  }

  /** Oldest first. */
  async listOfPool(poolId: string): Promise<VmRecord[]> {
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("poolId", "=", poolId)
      .orderBy("createdAt")
      .orderBy("id")
      .execute();
    return rows.map((row) => parse(row));
  }

  /** Out of its pool, for good. `undefined` when it is not ready, or another was faster. */
  async takeOutOfPool(
    { id, poolId, poolGeneration }: VmRecord,
    changes: VmChanges & Partial<Pick<VmRecord, "autoDeleteMs" | "ephemeral" | "createdAt">>,
  ): Promise<VmRecord | undefined> {
    const row = await this.#db
      .updateTable("vms")
      .set({ ...changes, ...writeSettings(changes), poolId: null })
      .where("id", "=", id)
      .where("poolId", "=", poolId)
      .where("poolGeneration", "=", poolGeneration)
      .where("status", "=", "running")
      .returningAll()
      .executeTakeFirst();
    this.#onChange(id);
    return row === undefined ? undefined : parse(row);
  }

  /** From now on nobody takes it out. `false` when somebody has. */
  async retireInPool({ id, poolId }: VmRecord, generation: number): Promise<boolean> {
    const row = await this.#db
      .updateTable("vms")
      .set({ poolGeneration: generation })
      .where("id", "=", id)
      .where("poolId", "=", poolId)
      .returning("id")
      .executeTakeFirst();
    return row !== undefined;
  }

  async listAll(): Promise<VmRecord[]> {
    const rows = await this.#db.selectFrom("vms").selectAll().execute();
    return rows.map((row) => parse(row));
  }

  /** Sets `status` only when it is `from` now; `undefined` when it is not. */
  async changeStatus(
    id: VmId,
    from: VmStatus,
    to: VmStatus,
    changes: VmChanges,
  ): Promise<VmRecord | undefined> {
    const row = await this.#db
      .updateTable("vms")
      .set({ status: to, ...serialise(changes) })
      .where("id", "=", id)
      .where("status", "=", from)
      .returningAll()
      .executeTakeFirst();
    this.#onChange(id);
    return row === undefined ? undefined : parse(row);
  }

  async update(id: VmId, changes: VmChanges): Promise<VmRecord | undefined> {
    const row = await this.#db
      .updateTable("vms")
      .set(serialise(changes))
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirst();
    this.#onChange(id);
    return row === undefined ? undefined : parse(row);
  }

  /** The record, held until the transaction ends: what is read and then written stays true meanwhile. */
  async lock(id: VmId): Promise<VmRecord | undefined> {
    const row = await this.#db
      .updateTable("vms")
      .set((eb) => ({ name: eb.ref("name") }))
      .where("id", "=", id)
      .returningAll()
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** One that is to be made from the snapshot and never ran yet, whether it waits for room or starts. */
  async startingFrom(snapshotId: SnapshotId): Promise<VmRecord | undefined> {
    const row = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("sourceSnapshotId", "=", snapshotId)
      .where("status", "=", "provisioning")
      .where("generation", "=", 1)
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? undefined : parse(row);
  }

  /** Running VMs whose time is over. */
  async listExpired(now: number, limit: number): Promise<VmRecord[]> {
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("expiresAt", "<=", now)
      .where("status", "=", "running")
      .orderBy("expiresAt")
      .limit(limit)
      .execute();
    return rows.map((row) => parse(row));
  }

  /** Running VMs that nobody has used for as long as they may be idle. */
  async listIdle(now: number, limit: number): Promise<VmRecord[]> {
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("inactivityMs", ">", 0)
      .where("status", "=", "running")
      .where((eb) => eb(eb("lastActiveAt", "+", eb.ref("inactivityMs")), "<=", now))
      .orderBy("lastActiveAt")
      .limit(limit)
      .execute();
    return rows.map((row) => parse(row));
  }

  /** Running VMs that may be used by their own guests, first those that would be idle first. */
  async listSelfUsed(limit: number): Promise<VmRecord[]> {
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("inactivityMs", ">", 0)
      .where("guestWorkCounts", "=", 1)
      .where("status", "=", "running")
      .orderBy((eb) => eb("lastActiveAt", "+", eb.ref("inactivityMs")))
      .limit(limit)
      .execute();
    return rows.map((row) => parse(row));
  }

  /** VMs whose life is over and has still to be ended. One of a pool is nobody's, and lives on. */
  async listLifeOver(now: number, limit: number): Promise<VmRecord[]> {
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("lifeEndsAt", "<=", now)
      .where("poolId", "is", null)
      .where((eb) =>
        eb.or([
          eb("status", "=", "running"),
          eb.and([eb("maxLifeAction", "=", "delete"), eb("status", "in", ["paused", "stopped", "error"])]),
        ]),
      )
      .orderBy("lifeEndsAt")
      .limit(limit)
      .execute();
    return rows.map((row) => parse(row));
  }

  /** VMs that are to start by themselves by now. */
  async listToRestart(now: number, limit: number): Promise<VmRecord[]> {
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("restartAt", "<=", now)
      .where("status", "in", ["stopped", "error"])
      .orderBy("restartAt")
      .limit(limit)
      .execute();
    return rows.map((row) => parse(row));
  }

  /** VMs that have been paused for as long as they may be. */
  async listPausedTooLong(now: number, limit: number): Promise<VmRecord[]> {
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("autoDeleteMs", ">", 0)
      .where("status", "=", "paused")
      .where((eb) => eb(eb("pausedAt", "+", eb.ref("autoDeleteMs")), "<=", now))
      .orderBy("pausedAt")
      .limit(limit)
      .execute();
    return rows.map((row) => parse(row));
  }

  /** Those of ephemeral sandboxes that ended before an instant, and are not to start by themselves. One whose end is forgotten is old. */
  async listEndedSandboxes(before: number, limit: number): Promise<VmRecord[]> {
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll("vms")
      .where("ephemeral", "=", 1)
      .where("status", "in", ["stopped", "error"])
      .where("restartAt", "is", null)
      .where((eb) => eb.or([eb("endedAt", "is", null), eb("endedAt", "<=", before)]))
      .where((eb) =>
        eb.exists(
          eb.selectFrom("sandboxes").select("sandboxes.id").whereRef("sandboxes.vmId", "=", "vms.id"),
        ),
      )
      .orderBy("vms.id")
      .limit(limit)
      .execute();
    return rows.map((row) => parse(row));
  }

  /** Tells no listener: nothing that others keep of a VM depends on it. */
  async noteActivity(id: VmId, at: number): Promise<void> {
    await this.#db
      .updateTable("vms")
      .set({ lastActiveAt: at })
      .where("id", "=", id)
      .where((eb) => eb.or([eb("lastActiveAt", "is", null), eb("lastActiveAt", "<", at)]))
      .execute();
  }

  /** As it was until now; `undefined` when there was no such row. */
  async remove(id: VmId): Promise<VmRecord | undefined> {
    const row = await this.#db.deleteFrom("vms").where("id", "=", id).returningAll().executeTakeFirst();
    if (row !== undefined && row.trafficTokenDigest !== null) await this.#forgetSecrets(row);
    this.#onChange(id);
    return row === undefined ? undefined : parse(row);
  }

  /** They are kept by name, which no foreign key sees. */
  async #forgetSecrets({ orgId, id }: Pick<VmRow, "orgId" | "id">): Promise<void> {
    await this.#db
      .deleteFrom("sealedValues")
      .where("orgId", "=", orgId)
      .where("purpose", "=", "traffic_token")
      .where("name", "=", id)
      .execute();
  }

  /** What an organisation's VMs count for; snapshots not included. Of a stopped VM its disk does. */
  async usage(orgId: OrgId): Promise<Pick<ResourceAmounts, "vcpu" | "memoryMiB" | "diskGiB">> {
    const sums = await this.#db
      .selectFrom("vms")
      .select((eb) => [
        eb.fn.sum<number | string | null>(unlessStopped("cpu")).as("vcpu"),
        eb.fn.sum<number | string | null>(unlessStopped("memoryMib")).as("memory"),
        eb.fn.sum<number | string | null>("diskGib").as("disk"),
      ])
      .where("orgId", "=", orgId)
      .where("status", "in", [...ACTIVE, "stopped"])
      .executeTakeFirstOrThrow();
    return { vcpu: Number(sums.vcpu), memoryMiB: Number(sums.memory), diskGiB: Number(sums.disk) };
  }

  /** Memory promised to VMs of all organisations that hold room on the host, in MiB. */
  async promisedMemoryMib(): Promise<number> {
    const sum = await this.#db
      .selectFrom("vms")
      .select((eb) => eb.fn.sum<number | string | null>("memoryMib").as("memory"))
      .where("status", "in", ACTIVE)
      .where("queuedAt", "is", null)
      .executeTakeFirstOrThrow();
    return Number(sum.memory);
  }

  /** The VMs that wait for room, first come first. */
  async listQueued(limit: number): Promise<VmRecord[]> {
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("queuedAt", "is not", null)
      .where("status", "in", ["provisioning", "resuming"])
      .orderBy("queuedAt")
      .orderBy("createdAt")
      .orderBy("id")
      .limit(limit)
      .execute();
    return rows.map((row) => parse(row));
  }

  async countQueued(): Promise<number> {
    const row = await this.#db
      .selectFrom("vms")
      .select((eb) => eb.fn.countAll<number | string>().as("count"))
      .where("queuedAt", "is not", null)
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /** Living VMs that a request made since the given instant, newest first. */
  async listByFingerprint(orgId: OrgId, fingerprint: string, since: number): Promise<VmRecord[]> {
    const rows = await this.#db
      .selectFrom("vms")
      .selectAll()
      .where("orgId", "=", orgId)
      .where("requestFingerprint", "=", fingerprint)
      .where("createdAt", ">=", since)
      .where("status", "in", ["provisioning", "running"])
      .orderBy("createdAt", "desc")
      .execute();
    return rows.map((row) => parse(row));
  }
}

function unlessStopped(column: "cpu" | "memoryMib") {
  return sql<number>`case when ${sql.ref("status")} = 'stopped' then 0 else ${sql.ref(column)} end`;
}

function parse(row: VmRow): VmRecord {
  return { ...row, ...readSettings(row) };
}

function serialise(changes: VmChanges) {
  return { ...changes, ...writeSettings(changes) };
}
