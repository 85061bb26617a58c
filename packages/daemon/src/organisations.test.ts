/** Organisations and keys over the socket in the data folder, as `fastvm org` and `fastvm key` make them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createControlPlane, FakeWorker, type ControlPlane } from "@fastvm/control-plane";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createKey,
  createOrganisation,
  listKeys,
  listOrganisations,
  removeKey,
  removeOrganisation,
} from "./organisations.ts";
import { operatorSocket } from "./paths.ts";

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
let dataDir: string;
let plane: ControlPlane;
let url: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "fastvm-organisations-"));
  plane = await createControlPlane({
    worker: new FakeWorker(),
    log,
    store: { kind: "sqlite", path: ":memory:" },
    config: { connectionGraceMs: 50 },
    operatorSocket: operatorSocket(dataDir),
  });
  await plane.ensureKey();
  url = await plane.listen({ host: "127.0.0.1", port: 0 });
});

afterAll(async () => {
  await plane.close();
  await rm(dataDir, { recursive: true });
});

const status = async (key: string) =>
  (await fetch(`${url}/v1/vms`, { headers: { "x-api-key": key } })).status;

test("a key is made for an organisation, listed without itself, and removed", async () => {
  const organisation = await createOrganisation(dataDir, "builds");
  expect((await listOrganisations(dataDir)).map(({ name }) => name)).toEqual(["default", "builds"]);
  const { key, ...listed } = await createKey(dataDir, { org: organisation.id });
  expect(await listKeys(dataDir, "builds")).toEqual([listed]);
  expect(await listKeys(dataDir, undefined)).toHaveLength(2);
  expect(await status(key)).toBe(200);
  await removeKey(dataDir, listed.id);
  expect(await status(key)).toBe(401);
});

test("an organisation goes, but not the daemon's own", async () => {
  const { id } = await createOrganisation(dataDir, "leaving");
  const { key } = await createKey(dataDir, { org: id });
  expect(await removeOrganisation(dataDir, "leaving", false)).toMatchObject({ id });
  expect(await status(key)).toBe(401);
  await expect(removeOrganisation(dataDir, "default", true)).rejects.toThrow(/daemon's own/);
});

test("what cannot be done says why", async () => {
  await expect(createKey(dataDir, { org: "nobody" })).rejects.toThrow(/organisation nobody/);
  await expect(removeKey(dataDir, "nothing")).rejects.toThrow(/no key nothing/);
  await expect(createOrganisation(dataDir, " ")).rejects.toThrow(/name/);
  await expect(listOrganisations(tmpdir())).rejects.toThrow(/No daemon runs/);
});
