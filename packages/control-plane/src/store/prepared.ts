/** A question that each request asks: built once, as that takes longer than SQLite takes to answer it. */
import type { CompiledQuery, Kysely } from "kysely";
import type { Schema } from "./schema.ts";

interface Compilable<Row> {
  compile(): CompiledQuery<Row>;
}

/** `build` has any values where the parameters go, in their order. */
export function prepared<Row>(
  build: (db: Kysely<Schema>) => Compilable<Row>,
): (db: Kysely<Schema>, ...parameters: readonly unknown[]) => Promise<Row[]> {
  // Of each database, in and out of its transactions: kinds differ in how they write parameters.
  const compiled = new WeakMap<object, CompiledQuery<Row>>();
  return async (db, ...parameters) => {
    const { adapter } = db.getExecutor();
    const query = compiled.get(adapter) ?? build(db).compile();
    compiled.set(adapter, query);
    const { rows } = await db.executeQuery<Row>({ ...query, parameters });
    return rows;
  };
}
