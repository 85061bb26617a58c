/** Records of a data folder in SQLite as a backup needs them, read beside the daemon that writes them. */
import { DatabaseSync } from "node:sqlite";

/** Another process may hold the file for as long. */
const BUSY_MS = 5000;

/** Whose folders do not change until their record says something else. */
export interface HeldStates {
  readonly snapshots: ReadonlySet<string>;
  readonly paused: ReadonlySet<string>;
}

interface Counted extends HeldStates {
  readonly vms: number;
  readonly volumes: number;
}

export function readStates(databasePath: string): Counted {
  return withDatabase(databasePath, (database) => {
    const idsOf = (table: string, status: string): ReadonlySet<string> => {
      const rows = database.prepare(`select id from ${table} where status = ?`).all(status);
      return new Set(rows.map(({ id }) => String(id)));
    };
    const countOf = (table: string): number =>
      Number(database.prepare(`select count(*) as n from ${table} where status <> 'deleting'`).get()?.["n"]);
    const held = { snapshots: idsOf("snapshots", "ready"), paused: idsOf("vms", "paused") };
    return { ...held, vms: countOf("vms"), volumes: countOf("volumes") };
  });
}

/** As of one moment, whoever writes meanwhile; the copy is whole by itself and as small as it can be. */
export function copyRecords(databasePath: string, target: string): void {
  withDatabase(databasePath, (database) => database.prepare("vacuum into ?").run(target));
}

function withDatabase<Result>(path: string, work: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    return work(database);
  } finally {
    database.close();
  }
}
