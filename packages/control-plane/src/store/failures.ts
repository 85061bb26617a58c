/**
 * What a database's failures mean to a caller: it is away for now, its disk is full, or the statement was a mistake of ours.
 * Told at the driver, so that every query, each step of a transaction among them, fails with an error of the catalogue.
 */
import { FastvmError } from "@fastvm/contract";
import type { DatabaseConnection, Dialect, Driver } from "kysely";
import { isDiskFull } from "./is-disk-full.ts";

/** SQLITE_BUSY, LOCKED, READONLY, IOERR, CANTOPEN and PROTOCOL: the file cannot be had now, whatever was asked of it. */
const SQLITE_UNAVAILABLE: ReadonlySet<number> = new Set([5, 6, 8, 10, 14, 15]);
const SQLITE_PRIMARY_CODE = 0xff;

/**
 * Classes of SQLSTATE: connections, authorisation, resources, the operator's intervention (a shutdown, a statement cut short), the
 * system's own errors. A serialisation failure or deadlock (40) and a server that takes no writes (25006: a standby) go away as well.
 */
const POSTGRES_UNAVAILABLE = /^(08|28|40|53|57|58)|^25006$|^3D000$|^55P03$/;

/** Of the socket, before PostgreSQL had a word to say. */
const SOCKET_UNAVAILABLE = /^(ECONN|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_|EHOST|ENET|ENOENT$|EACCES$)/;

/** The client's own, which carry no code. */
const CLIENT_UNAVAILABLE = [
  "Connection terminated",
  "timeout exceeded when trying to connect",
  "Query read timeout",
  "Client has encountered a connection error",
  "Client was closed",
];

/** The same failure in the catalogue's terms, or as it is when it is a bug. */
export function asStoreFailure(error: unknown): unknown {
  if (error instanceof FastvmError) return error;
  if (isDiskFull(error))
    return new FastvmError("out_of_disk", "its records cannot be written", { cause: error });
  return isUnavailable(error) ? new FastvmError("database_unavailable", undefined, { cause: error }) : error;
}

function isUnavailable(error: unknown): boolean {
  // A host with several addresses refuses once for each.
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  if (!(error instanceof Error)) return false;
  if ("errcode" in error && typeof error.errcode === "number") {
    return SQLITE_UNAVAILABLE.has(error.errcode & SQLITE_PRIMARY_CODE);
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (code !== "") return POSTGRES_UNAVAILABLE.test(code) || SOCKET_UNAVAILABLE.test(code);
  return CLIENT_UNAVAILABLE.some((beginning) => error.message.startsWith(beginning));
}

export function tellingFailures(dialect: Dialect): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver: () => new TellingDriver(dialect.createDriver()),
  };
}

class TellingDriver implements Driver {
  readonly #driver: Driver;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  init(): Promise<void> {
    return told(this.#driver.init());
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return new TellingConnection(await told(this.#driver.acquireConnection()));
  }

  beginTransaction(...[connection, settings]: Parameters<Driver["beginTransaction"]>): Promise<void> {
    return told(this.#driver.beginTransaction(inner(connection), settings));
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return told(this.#driver.commitTransaction(inner(connection)));
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return told(this.#driver.rollbackTransaction(inner(connection)));
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    return told(this.#driver.releaseConnection(inner(connection)));
  }

  destroy(): Promise<void> {
    return this.#driver.destroy();
  }
}

class TellingConnection implements DatabaseConnection {
  readonly connection: DatabaseConnection;

  constructor(connection: DatabaseConnection) {
    this.connection = connection;
  }

  executeQuery: DatabaseConnection["executeQuery"] = (...args) => told(this.connection.executeQuery(...args));

  streamQuery: DatabaseConnection["streamQuery"] = (...args) => this.connection.streamQuery(...args);
}

function inner(connection: DatabaseConnection): DatabaseConnection {
  return connection instanceof TellingConnection ? connection.connection : connection;
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw asStoreFailure(error);
  }
}
