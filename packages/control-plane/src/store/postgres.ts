/** Kysely's PostgreSQL dialect over `pg`, with 64-bit integers as numbers: all of ours are below 2^53. */
import { PostgresDialect } from "kysely";
import pg from "pg";

const BIGINT_OID = 20;

/** Each control plane holds few connections: a PostgreSQL server often has a hundred for all. */
const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 10_000;
/** No statement of ours is long; one that waits this long for a lock is better ended than piled upon. */
const STATEMENT_TIMEOUT_MS = 30_000;

/** `onIdleError` hears of connections that the server ended while they were idle; the pool replaces them. */
export function postgresDialect(url: string, onIdleError: (error: Error) => void): PostgresDialect {
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    types: {
      getTypeParser: (oid: number, format?: "text" | "binary") =>
        oid === BIGINT_OID ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  pool.on("error", onIdleError);
  return new PostgresDialect({ pool });
}
