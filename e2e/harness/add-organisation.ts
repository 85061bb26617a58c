/** An organisation beside the daemon's own, with the limits that it has; written into the records of a daemon that runs on SQLite. */
import { createHash, randomUUID } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The daemon writes too, and waits as long for us. */
const BUSY_MS = 10_000;

interface AddedOrganisation {
  readonly orgId: string;
  /** Of FastVM's own API. */
  readonly key: string;
}

export function addOrganisation(dataDir: string, name: string): AddedOrganisation {
  using database = new DatabaseSync(join(dataDir, "fastvm.db"), { timeout: BUSY_MS });
  const [orgId, key] = [randomUUID(), `fvm_${randomUUID()}`];
  database
    .prepare(
      `insert into organisations
         (id, name, created_at, limit_vcpu, limit_memory_mib, limit_disk_gib, limit_snapshot_count)
       select ?, ?, created_at + 1, limit_vcpu, limit_memory_mib, limit_disk_gib, limit_snapshot_count
       from organisations order by created_at limit 1`,
    )
    .run(orgId, name);
  database
    .prepare("insert into api_keys (id, org_id, key_hash, created_at) values (?, ?, ?, 0)")
    .run(randomUUID(), orgId, createHash("sha256").update(key).digest("hex"));
  return { orgId, key };
}
