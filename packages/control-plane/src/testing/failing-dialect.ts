/**
 * A database that fails when a test wants it to. What it counts are units of work: a transaction
 * as a whole, or a statement outside of one. It fails where a database can: before the unit, in
 * the middle, at its end with nothing done, or at its end with all done and the answer lost.
 */
import type { CompiledQuery, DatabaseConnection, Dialect, Driver } from "kysely";

export const FAILURE_POINTS = ["begin", "middle", "commit", "answer"] as const;
export type FailurePoint = (typeof FAILURE_POINTS)[number];

/** As `pg` reports a server that is gone. */
const gone = (): Error => Object.assign(new Error("the server is gone"), { code: "ECONNREFUSED" });

export class DatabaseFaults {
  /** What a failure looks like. */
  error: () => Error = gone;
  #isDown = false;
  #refusesWrites: () => boolean = () => false;
  #armed: { readonly nth: number; readonly point: FailurePoint } | undefined;
  #seen = 0;
  #struck = false;
  /** A unit that began before it ended does not begin another one. */
  #outage = 0;

  /** From the `nth` unit on, counted from 1 and from now, at that point of it, until `recover`. */
  failFrom(nth: number, point: FailurePoint): void {
    this.#outage += 1;
    this.#armed = { nth, point };
    this.#seen = 0;
    this.#struck = false;
  }

  get struck(): boolean {
    return this.#struck;
  }

  /** Writes only, as those on a full disk. */
  refuseWritesWhile(condition: () => boolean): void {
    this.#refusesWrites = condition;
  }

  takeDown(): void {
    this.#isDown = true;
  }

  recover(): void {
    this.#outage += 1;
    this.#isDown = false;
    this.#refusesWrites = () => false;
    this.#armed = undefined;
  }

  beforeStatement(sql: string): void {
    if (!/^(select|begin|commit|rollback|pragma)\b/.test(sql) && this.#refusesWrites()) throw this.error();
  }

  /** Called once for each unit; the result says at which points it fails. */
  enter(): Unit {
    this.#seen += 1;
    const hit = this.#armed !== undefined && this.#seen === this.#armed.nth ? this.#armed.point : undefined;
    const point = this.#isDown ? "begin" : hit;
    return { point, outage: this.#outage };
  }

  fail(unit: Unit): never {
    this.#struck = true;
    this.#isDown ||= unit.outage === this.#outage;
    throw this.error();
  }
}

interface Unit {
  readonly point: FailurePoint | undefined;
  readonly outage: number;
}

export function failingDialect(dialect: Dialect, faults: DatabaseFaults): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver: () => new FailingDriver(dialect.createDriver(), faults),
  };
}

class FailingDriver implements Driver {
  readonly #driver: Driver;
  readonly #faults: DatabaseFaults;

  constructor(driver: Driver, faults: DatabaseFaults) {
    this.#driver = driver;
    this.#faults = faults;
  }

  init(): Promise<void> {
    return this.#driver.init();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return new FailingConnection(await this.#driver.acquireConnection(), this.#faults);
  }

  async beginTransaction(...[connection, settings]: Parameters<Driver["beginTransaction"]>): Promise<void> {
    const failing = connection as FailingConnection;
    failing.begin();
    await this.#driver.beginTransaction(failing.inner, settings);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const failing = connection as FailingConnection;
    // Kysely asks for the rollback.
    failing.failAt("commit");
    await this.#driver.commitTransaction(failing.inner);
    const { unit } = failing;
    failing.unit = undefined;
    if (unit?.point === "answer") this.#faults.fail(unit);
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const failing = connection as FailingConnection;
    const { unit } = failing;
    failing.unit = undefined;
    try {
      await this.#driver.rollbackTransaction(failing.inner);
    } catch (error) {
      if (unit?.point !== "answer") throw error;
    }
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    return this.#driver.releaseConnection((connection as FailingConnection).inner);
  }

  destroy(): Promise<void> {
    return this.#driver.destroy();
  }
}

class FailingConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection;
  /** The transaction that is open. */
  unit: Unit | undefined;
  readonly #faults: DatabaseFaults;

  constructor(inner: DatabaseConnection, faults: DatabaseFaults) {
    this.inner = inner;
    this.#faults = faults;
  }

  begin(): void {
    this.unit = this.#faults.enter();
    this.failAt("begin");
  }

  failAt(point: FailurePoint): void {
    if (this.unit?.point === point) this.#faults.fail(this.unit);
  }

  executeQuery: DatabaseConnection["executeQuery"] = async (query: CompiledQuery, ...rest) => {
    // How SQLite is told of the durability that a transaction wants.
    if (query.sql.startsWith("pragma")) return this.inner.executeQuery(query, ...rest);
    this.#faults.beforeStatement(query.sql);
    if (this.unit !== undefined) {
      this.failAt("middle");
      return this.inner.executeQuery(query, ...rest);
    }
    const unit = this.#faults.enter();
    if (unit.point !== undefined && unit.point !== "answer") this.#faults.fail(unit);
    const result = await this.inner.executeQuery(query, ...rest);
    if (unit.point === "answer") this.#faults.fail(unit);
    return result as never;
  };

  streamQuery: DatabaseConnection["streamQuery"] = (...args) => this.inner.streamQuery(...args);
}
