/** Kysely's SQLite dialect over `node:sqlite`, which lacks only the names that Kysely expects. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { SqliteDialect, type SqliteDatabase, type SqliteStatement } from "kysely";

/** How long a statement waits for another process that holds the file, for example a backup. */
const BUSY_TIMEOUT_MS = 5000;

/** Statements are few and fixed, so compiled ones are kept; dynamic lists of values make the rest. */
const MAX_CACHED_STATEMENTS = 256;

/** `path` may be `:memory:`; `script` is carried out before anything else, for tests. */
export function nodeSqliteDialect(path: string, script = ""): SqliteDialect {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    // WAL lets readers work beside the writer; FULL makes a committed record survive power loss.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    database.exec(script);
  } catch (error) {
    database.close();
    throw error;
  }
  return new SqliteDialect({ database: new NodeSqliteDatabase(database) });
}

class NodeSqliteDatabase implements SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  prepare(sql: string): SqliteStatement {
    if (sql === "rollback") return rollbackStatement(this.#database);
    const cached = this.#statements.get(sql);
    if (cached !== undefined) return cached;
    const statement = new NodeSqliteStatement(this.#database.prepare(sql));
    // SQLite may carry a pragma out when it is prepared, so a kept one would do nothing the second time.
    if (sql.startsWith("pragma")) return statement;
    if (this.#statements.size >= MAX_CACHED_STATEMENTS) this.#statements.clear();
    this.#statements.set(sql, statement);
    return statement;
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

/**
 * SQLite ends a transaction by itself when the disk is full. The rollback that Kysely
 * then asks for would fail, and its error would take the place of the one that says why.
 */
function rollbackStatement(database: DatabaseSync): SqliteStatement {
  const run = (): { changes: number; lastInsertRowid: number } => {
    if (database.isTransaction) database.exec("rollback");
    return { changes: 0, lastInsertRowid: 0 };
  };
  return { reader: false, all: () => [], run, iterate: () => [][Symbol.iterator]() };
}

class NodeSqliteStatement implements SqliteStatement {
  readonly reader: boolean;
  readonly #statement: StatementSync;

  constructor(statement: StatementSync) {
    this.#statement = statement;
    this.reader = statement.columns().length > 0;
  }

  all(parameters: readonly unknown[]): unknown[] {
    return this.#statement.all(...(parameters as SQLInputValue[]));
  }

  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint } {
    return this.#statement.run(...(parameters as SQLInputValue[]));
  }

  iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    return this.#statement.iterate(...(parameters as SQLInputValue[]));
  }
}
