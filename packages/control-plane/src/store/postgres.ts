/** Kysely's PostgreSQL dialect over `pg`, with 64-bit integers as numbers: all of ours are below 2^53. */
import {
  PostgresDialect,
  PostgresIntrospector,
  sql,
  type DatabaseIntrospector,
  type Kysely,
  type PostgresPool,
  type PostgresPoolClient,
  type TableMetadata,
} from "kysely";
import { DatabaseError, Pool, types } from "pg";

type TypeId = Parameters<typeof types.getTypeParser>[0];

/** Each control plane holds few connections: a PostgreSQL server often has a hundred for all. */
const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 10_000;
/** No statement of ours is long; one that waits this long for a lock is better ended than piled upon. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** A server that is cut off from us cannot end its statements itself. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5000;

/** `onIdleError` hears of connections that the server ended while nobody waited for an answer on them; the pool replaces them. */
export function postgresDialect(url: string, onIdleError: (error: Error) => void): PostgresDialect {
  const pool = new Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    types: {
      getTypeParser: (oid: TypeId, format?: "text" | "binary") =>
        oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format),
    },
  });
  pool.on("error", onIdleError);
  // The pool listens while a connection is idle only. One that breaks between two statements of a transaction would end the process.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return new OwnSchemaDialect({ pool: withoutBroken(pool) });
}

class OwnSchemaDialect extends PostgresDialect {
  override createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new OwnSchemaIntrospector(db);
  }
}

/**
 * Knows the names of the tables in our schema, which is all that the migrator asks for. Kysely's own
 * looks into every schema of the database, and fails when another application drops one at that moment.
 */
class OwnSchemaIntrospector extends PostgresIntrospector {
  readonly #db: Kysely<unknown>;

  constructor(db: Kysely<unknown>) {
    super(db);
    this.#db = db;
  }

  override async getTables(): Promise<TableMetadata[]> {
    const { rows } = await sql<{ name: string; schema: string }>`
      select relname as name, current_schema() as schema from pg_catalog.pg_class
      where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')`.execute(this.#db);
    return rows.map((row) => ({ ...row, isView: false, isForeign: false, columns: [] }));
  }
}

/** A connection on which an answer failed to come is still waited on by its next user: it is not given to one. */
function withoutBroken(pool: Pool): PostgresPool {
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      const client = await pool.connect();
      let isBroken = false;
      const query = async (text: string, parameters: unknown[]): Promise<unknown> => {
        try {
          return await client.query(text, parameters);
        } catch (error) {
          // What the server itself refused has a code; then the connection is as good as before.
          isBroken ||= !(error instanceof DatabaseError);
          throw error;
        }
      };
      const release = (destroy?: boolean): void => client.release(isBroken || destroy === true);
      return { query, release } as unknown as PostgresPoolClient;
    },
  };
}
