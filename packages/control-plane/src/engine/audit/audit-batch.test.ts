/** Entries that nobody waits for: together, in their order, and none with another. */
import { FastvmError } from "@fastvm/contract";
import { describe, expect, onTestFinished, test } from "vitest";
import { OTHER_KEY, testApp } from "../../testing/test-app.ts";
import { hashApiKey } from "../keys/api-keys.ts";
import { AuditBatch } from "./audit-batch.ts";
import type { AuditEntry } from "../../store/audit-repository.ts";

async function setUp() {
  const api = await testApp();
  onTestFinished(() => api[Symbol.asyncDispose]());
  const complaints: object[] = [];
  const transactions: unknown[] = [];
  const failures: unknown[] = [];
  const log = { info() {}, warn() {}, error: (what: object) => void complaints.push(what) };
  const store = {
    ...api.store,
    transaction: ((work, durability) => {
      transactions.push(durability);
      if (failures.length > 0) return Promise.reject(failures.shift());
      return api.store.transaction(work, durability);
    }) as typeof api.store.transaction,
  };
  const batch = new AuditBatch({ store, log });
  const entry = (operation: string, orgId = api.orgId): AuditEntry => ({
    ...{ orgId, at: 1, keyId: "key", address: "::1", requestId: "r", api: "fastvm", operation },
    ...{ method: "POST", path: "/", status: 200, subject: null, before: undefined, after: undefined },
  });
  const written = async (orgId = api.orgId) =>
    (await api.store.audit.find(orgId, {}, { order: "asc", limit: 2_000 })).map(
      ({ id, operation }) => `${id} ${operation}`,
    );
  const other = (await api.store.apiKeys.findByHash(hashApiKey(OTHER_KEY)))?.orgId;
  if (other === undefined) throw new Error("There is one organisation alone");
  return { batch, entry, written, other, complaints, transactions, failures };
}

describe("entries that nobody waits for", () => {
  test("are written soon, in one transaction and in their order", async () => {
    const { batch, entry, written, transactions } = await setUp();
    for (const operation of ["a", "b", "c"]) batch.add(entry(operation));
    expect(await written()).toEqual([]);
    await expect.poll(() => written()).toEqual(["1 a", "2 b", "3 c"]);
    expect(transactions).toEqual(["process"]);
  });

  test("are there after a flush, more than fit into a statement, too, and of each organisation by its own numbers", async () => {
    const { other, batch, entry, written } = await setUp();
    for (let at = 1; at <= 1_100; at++) batch.add(entry("mine"));
    batch.add(entry("theirs", other));
    await batch.flush();
    expect(await written()).toEqual(Array.from({ length: 1_100 }, (_, at) => `${at + 1} mine`));
    expect(await written(other)).toEqual(["1 theirs"]);
  });

  test("do not go with one of an organisation that is gone", async () => {
    const { batch, entry, written, complaints } = await setUp();
    batch.add(entry("a"));
    batch.add(entry("b", "org-gone" as AuditEntry["orgId"]));
    batch.add(entry("c"));
    await batch.flush();
    expect(await written()).toEqual(["1 a", "2 c"]);
    expect(complaints).toMatchObject([{ operations: ["b"] }]);
  });

  test("are tried once, and complained of together, while the database is away", async () => {
    const { batch, entry, written, complaints, transactions, failures } = await setUp();
    const away = new FastvmError("database_unavailable");
    failures.push(away);
    for (const operation of ["a", "b", "c"]) batch.add(entry(operation));
    await batch.flush();
    expect(transactions).toHaveLength(1);
    expect(complaints).toEqual([{ err: away, operations: ["a", "b", "c"] }]);
    // As soon as one of those that are tried by themselves finds it away, too.
    failures.push(new Error("one of them"), away);
    for (const operation of ["d", "e", "e"]) batch.add(entry(operation));
    await batch.flush();
    expect(transactions).toHaveLength(3);
    expect(complaints.slice(1)).toEqual([{ err: away, operations: ["d", "e"] }]);
    batch.add(entry("f"));
    await batch.flush();
    expect(await written()).toEqual(["1 f"]);
  });

  test("do not wait any more once it is closed", async () => {
    const { batch, entry, written } = await setUp();
    batch.add(entry("a"));
    await batch.close();
    expect(await written()).toEqual(["1 a"]);
    batch.add(entry("b"));
    await batch.flush();
    expect(await written()).toEqual(["1 a", "2 b"]);
  });
});
