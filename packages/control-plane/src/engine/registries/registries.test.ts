/** Logins at registries: whose they are, and that nobody but a pull is told of a password. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newOrgId, type OrgId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DEFAULT_CONFIG } from "../../config.ts";
import { SealingKeys } from "../../sealing/sealing-keys.ts";
import type { Store } from "../../store/store.ts";
import { TEST_STORES } from "../../testing/test-stores.ts";
import { OTHER_KEY, testApp } from "../../testing/test-app.ts";
import { SealedValues } from "../secrets/sealed-values.ts";
import { Registries } from "./registries.ts";

const SECRET = "sesame-5b1f";
const LOGIN = { username: "ci", password: SECRET };

describe.each(TEST_STORES)("on $name", ({ open }) => {
  let store: Store;
  let folder: string;
  let keyFile: string;
  let orgId: OrgId;
  let now = 1;

  const ctx = () => ({
    store,
    clock: { now: () => now },
    sealing: new SealingKeys({ file: keyFile, isMade: true }),
  });
  const caller = (of: OrgId = orgId) => ({ orgId: of, keyId: "key" });
  const newOrganisation = async (): Promise<OrgId> => {
    const id = newOrgId();
    await store.organisations.create({ id, name: "org", createdAt: 1, limits: DEFAULT_CONFIG.defaultLimits });
    return id;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-registries-"));
    keyFile = join(folder, "key");
    store = await open();
    orgId = await newOrganisation();
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  test("a pull gets what its own organisation gave for that registry, the newest", async () => {
    const registries = new Registries(ctx());
    const other = await newOrganisation();
    await registries.set(caller(), "index.docker.io", LOGIN);
    await registries.set(caller(other), "docker.io", { username: "other", password: "another" });
    expect(await registries.credentialsFor(orgId, "docker.io")).toEqual(LOGIN);
    expect(await registries.credentialsFor(orgId, "quay.io")).toBeUndefined();
    now = 2;
    await registries.set(caller(), "DOCKER.io", { username: "me", password: "newer" });
    expect(await registries.credentialsFor(orgId, "docker.io")).toEqual({
      username: "me",
      password: "newer",
    });
    expect(await registries.list(caller())).toEqual([
      { orgId, registry: "docker.io", username: "me", createdAt: 1, updatedAt: 2 },
    ]);
    await registries.remove(caller(), "docker.io");
    expect(await registries.credentialsFor(orgId, "docker.io")).toBeUndefined();
    expect(await registries.credentialsFor(other, "docker.io")).toMatchObject({ username: "other" });
    await expect(registries.remove(caller(), "docker.io")).rejects.toMatchObject({ code: "not_found" });
  });

  test("a row that was moved to another organisation or registry does not open there", async () => {
    const registries = new Registries(ctx());
    const thief = await newOrganisation();
    await registries.set(caller(), "docker.io", LOGIN);
    await registries.set(caller(thief), "docker.io", { username: "thief", password: "mine" });
    const row = await store.sealedValues.get(orgId, "registry", "docker.io");
    const sealed = row?.sealed ?? "";
    await store.sealedValues.put({ orgId: thief, purpose: "registry", name: "docker.io", sealed });
    await expect(registries.credentialsFor(thief, "docker.io")).rejects.toThrow(/something else/);
  });

  test("a new key seals anew at the next start, after which the old one can go", async () => {
    const registries = new Registries(ctx());
    await registries.set(caller(), "docker.io", LOGIN);
    const secrets = new SealedValues(ctx());
    expect(await secrets.sealAnew()).toBe(0);
    const old = await readFile(keyFile, "utf8");
    const added = `00000001 ${randomBytes(32).toString("base64")}\n`;
    await writeFile(keyFile, added + old);
    expect(await secrets.sealAnew()).toBe(1);
    await writeFile(keyFile, added);
    expect(await registries.credentialsFor(orgId, "docker.io")).toEqual(LOGIN);
    await rm(keyFile);
    await expect(registries.credentialsFor(orgId, "docker.io")).rejects.toThrow(/00000001.*is not in/);
  });

  test("there is an end to how many there may be, which those that change do not meet", async () => {
    const registries = new Registries(ctx());
    for (let nth = 0; nth < 64; nth++) await registries.set(caller(), `r${nth}.example`, LOGIN);
    await expect(registries.set(caller(), "more.example", LOGIN)).rejects.toMatchObject({ code: "conflict" });
    await expect(registries.set(caller(), "r3.example", LOGIN)).resolves.toBeDefined();
    expect(await store.sealedValues.get(orgId, "registry", "more.example")).toBeUndefined();
  });
});

test("no answer, log or record has the password, whatever goes wrong", async () => {
  await using api = await testApp();
  const answers = [
    await api.call("PUT /v1/registries/docker.io", LOGIN),
    await api.call("GET /v1/registries"),
    await api.call("GET /v1/registries/docker.io"),
    await api.call("GET /v1/registries", undefined, { key: OTHER_KEY }),
    await api.call("GET /v1/registries/docker.io", undefined, { key: OTHER_KEY }),
    await api.call("PUT /v1/registries/docker.io", { username: "a:b", password: SECRET }),
    await api.call("PUT /v1/registries/docker.io", { username: "ci", passwrod: SECRET }),
    await api.call("PUT /v1/registries/docker.io", { username: "ci", password: [SECRET] }),
    await api.call("PUT /v1/registries/no%20registry", LOGIN),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 404, 400, 400, 400, 400]);
  expect(answers[3]?.body).toEqual([]);
  await api.store.close();
  answers.push(await api.call("PUT /v1/registries/docker.io", LOGIN));
  for (const { text } of answers) expect(text).not.toContain(SECRET);
  expect(JSON.stringify(api.log.entries)).not.toContain(SECRET);
});

test("the database has it sealed", async () => {
  await using api = await testApp();
  await api.call("PUT /v1/registries/docker.io", LOGIN);
  const row = await api.store.sealedValues.get(api.orgId, "registry", "docker.io");
  expect(row?.sealed).toMatch(/^fv1\./);
  expect(row?.sealed).not.toContain(SECRET);
});
