/** A grant that another process revokes: whoever is still in by it is told, once, and nobody else. */
import { newVmId } from "@fastvm/contract";
import { expect, test, vi } from "vitest";
import { openPostgresStore, openSqliteStore } from "../../store/store.ts";
import { machinesApp } from "../../testing/machines-app.ts";
import { TEST_DATABASES, type TestDatabase } from "../../testing/test-stores.ts";
import { Revocations } from "./revocations.ts";

const log = { info: () => undefined, warn: vi.fn(), error: () => undefined };

const open = ({ kind, location }: TestDatabase) =>
  kind === "sqlite" ? openSqliteStore(location) : openPostgresStore(location, () => undefined);

test.each(TEST_DATABASES)("on $name is noticed at the next look", async (kind) => {
  await using database = await kind.make();
  await using other = await machinesApp({ store: await open(database) });
  const { id } = await other.ok("POST /v1/machines", {});
  const sign = async () =>
    (await other.ok(`POST /v1/machines/${id}/ports/80/signed-preview-url`, {})).grant.id;
  const [revoked, kept, left] = [await sign(), await sign(), await sign()];
  const store = await open(database);
  const told: string[] = [];
  const revocations = new Revocations({ store, log }, 10);
  const vmId = newVmId();
  const ends = [revoked, revoked, kept, left].map((grant) =>
    revocations.watch(vmId, grant, () => void told.push(grant)),
  );
  ends.at(-1)?.();
  for (const grant of [left, revoked]) await other.ok(`DELETE /v1/machines/${id}/preview-urls/${grant}`);
  await expect.poll(() => told).toEqual([revoked, revoked]);
  await other.ok(`DELETE /v1/machines/${id}/preview-urls/${kept}`);
  await expect.poll(() => told).toEqual([revoked, revoked, kept]);
  // A database that is gone costs a look, and no more.
  revocations.watch(vmId, left, () => undefined);
  await store.close();
  await expect.poll(() => log.warn.mock.calls.length).toBeGreaterThan(0);
});
