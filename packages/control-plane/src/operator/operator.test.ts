/** What root's socket can do, and that it is root's. */
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import { containsCredential, type VmId } from "@fastvm/contract";
import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hashApiKey } from "../engine/keys/api-keys.ts";
import { OTHER_KEY, testApp, type TestApp } from "../testing/test-app.ts";
import { listenForRoot } from "./listen-for-root.ts";

let api: TestApp;
let operator: FastifyInstance | undefined;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-operator-"));
  api = await testApp({ useOperator: (app) => (operator = app) });
});

afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test("VMs of every organisation are listed and deleted, and no others", async () => {
  const own = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  const others = (await api.call("POST /v1/vms", { machineType: "c1m2" }, { key: OTHER_KEY })).body;
  const listed = (await operator?.inject({ method: "GET", url: "/vms" }))?.json();
  expect(new Set(listed)).toEqual(
    new Set(
      [own, others].map(({ id, orgId }: { id: string; orgId: string }) => ({ id, orgId, status: "running" })),
    ),
  );
  for (const { id } of [own, others]) {
    expect((await operator?.inject({ method: "DELETE", url: `/vms/${id}` }))?.statusCode).toBe(200);
    expect((await operator?.inject({ method: "DELETE", url: `/vms/${id}` }))?.statusCode).toBe(404);
  }
  expect(api.worker.vms.size).toBe(0);
  expect((await api.call("GET /v1/vms", undefined, { key: OTHER_KEY })).body).toEqual([]);
});

test("VMs stop with their host, and those start again that are to, but not before it is there again", async () => {
  const config = { expireEveryMs: 5, queueRetryMs: 5 };
  const first = await testApp({ config, useOperator: (app) => (operator = app) });
  const launch = async (body: object, options?: { readonly key: string }): Promise<VmId> =>
    (await first.call("POST /v1/vms", { machineType: "c1m2", ...body }, options)).body.id;
  const plain = await launch({}, { key: OTHER_KEY });
  const restarts = await launch({ restartPolicy: "on-host-failure" });
  const paused = await launch({});
  await first.call(`POST /v1/vms/${paused}/pause`);
  expect(await ask("POST", "/shutdown")).toMatchObject({ status: 200 });
  for (const id of [plain, restarts]) {
    const stopped = { status: 200, body: { id, status: "stopped" } };
    expect(await ask("POST", `/vms/${id}/stop`)).toMatchObject(stopped);
    expect(await ask("POST", `/vms/${id}/stop`)).toMatchObject(stopped);
    expect(await first.store.vms.get(id)).toMatchObject({ statusReason: "Stopped: its host shut down" });
  }
  expect((await ask("POST", `/vms/${paused}/stop`)).body).toMatchObject({ status: "paused" });
  // As long as some looks at the clock take.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const waits = { status: "stopped", restartAt: expect.any(Number) as number };
  expect(await first.store.vms.get(restarts)).toMatchObject(waits);
  await using second = await testApp({ config, store: first.store, worker: first.worker });
  await expect.poll(async () => (await second.store.vms.get(restarts))?.status).toBe("running");
  expect(await second.store.vms.get(plain)).toMatchObject({ status: "stopped", restartAt: null });
});

async function ask(method: "GET" | "POST" | "PUT" | "DELETE", url: string, body?: object) {
  if (operator === undefined) throw new Error("no operator's application");
  const answer = await operator.inject({ method, url, ...(body && { payload: body }) });
  return { status: answer.statusCode, body: answer.json() };
}

test("a new organisation's key opens it and no other, until it is removed", async () => {
  const { id, name } = (await ask("POST", "/organisations", { name: " builds\n " })).body;
  expect(name).toBe("builds");
  expect((await ask("GET", "/organisations")).body).toContainEqual(expect.objectContaining({ id, name }));
  const made = (await ask("POST", "/keys", { org: "builds" })).body;
  expect(made).toMatchObject({ orgId: id, api: "fastvm", key: expect.stringMatching(/^fvm_/) as string });
  const vm = (await api.call("POST /v1/vms", { machineType: "c1m2" }, { key: made.key })).body;
  expect(vm.orgId).toBe(id);
  expect((await api.call(`GET /v1/vms/${vm.id}`)).status).toBe(404);
  const listed = (await ask("GET", `/keys?org=${id.slice(0, 8)}`)).body;
  const { id: keyId, createdAt } = made;
  expect(listed).toEqual([
    {
      id: keyId,
      orgId: id,
      api: "fastvm",
      scopes: ["manage"],
      createdAt,
      lastUsedAt: expect.any(String) as string,
    },
  ]);
  expect((await ask("DELETE", `/keys/${made.id}`)).status).toBe(200);
  expect((await api.call("GET /v1/vms", undefined, { key: made.key })).status).toBe(401);
  expect((await ask("DELETE", `/keys/${made.id}`)).status).toBe(404);
});

test.each([
  ["nullspace", /^ns_live_/],
  ["microsandbox", /^msb_/],
])(
  "a key of %s has that API's form, is known for a credential and does not open FastVM's",
  async (form, pattern) => {
    const { key, orgId } = (await ask("POST", "/keys", { api: form })).body;
    expect(orgId).toBe(api.orgId);
    expect(key).toMatch(pattern);
    expect(containsCredential(key)).toBe(true);
    const answers = [
      await api.call("GET /v1/vms", undefined, { key }),
      await api.call("GET /v1/vms", undefined, { key: null, headers: { authorization: `Bearer ${key}` } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
  },
);

test("an organisation's limits are changed one by one, at once, and for it alone", async () => {
  const { id } = (await ask("POST", "/organisations", { name: "small" })).body;
  const { key } = (await ask("POST", "/keys", { org: "small" })).body;
  const before = (await api.call("GET /v1/org/quotas", undefined, { key })).body.limits;
  const { body } = await ask("PUT", `/organisations/${id.slice(0, 8)}/limits`, { vcpu: 1, snapshotCount: 0 });
  expect(body).toEqual({ ...before, vcpu: 1, snapshotCount: 0 });
  expect((await api.call("GET /v1/org/quotas", undefined, { key })).body.limits).toEqual(body);
  expect((await api.call("GET /v1/org/quotas")).body.limits).toEqual(before);
  const launch = { machineType: "c2m4" };
  expect((await api.call("POST /v1/vms", launch, { key })).body).toMatchObject({ code: "quota_exceeded" });
});

test("an organisation that has nothing left is removed with all that is known of it, another only by force", async () => {
  const { id } = (await ask("POST", "/organisations", { name: "leaving" })).body;
  const { key } = (await ask("POST", "/keys", { org: "leaving" })).body;
  const own = { key };
  const vm = (await api.call("POST /v1/vms", { machineType: "c1m2" }, own)).body;
  const snapshot = (await api.call("POST /v1/snapshots", { vmId: vm.id }, own)).body;
  const volume = (await api.call("POST /v1/volumes", { name: "data", sizeGiB: 1 }, own)).body;
  expect([vm.status, snapshot.status, volume.status]).toEqual(["running", "ready", "ready"]);
  const refused = await ask("DELETE", `/organisations/${id}`);
  expect(refused.status).toBe(409);
  expect(refused.body.message).toContain("leaving still has 1 VMs, 1 snapshots, 1 volumes");
  expect((await api.call("GET /v1/vms", undefined, own)).body).toHaveLength(1);

  expect(await ask("DELETE", "/organisations/leaving?force=true")).toMatchObject({
    status: 200,
    body: { id },
  });
  expect((await api.call("GET /v1/vms", undefined, own)).status).toBe(401);
  expect(api.worker.vms.size).toBe(0);
  expect((await ask("GET", "/organisations")).body).not.toContainEqual(expect.objectContaining({ id }));
  expect((await ask("DELETE", "/organisations/leaving")).status).toBe(404);

  await ask("POST", "/organisations", { name: "empty" });
  expect((await ask("DELETE", "/organisations/empty")).status).toBe(200);
});

test("the daemon's own organisation is not removed", async () => {
  expect((await ask("DELETE", `/organisations/${api.orgId}?force=true`)).status).toBe(409);
  expect((await api.call("GET /v1/vms")).status).toBe(200);
});

test("only digests of keys are in the records", async () => {
  const { key } = (await ask("POST", "/keys", {})).body;
  expect(JSON.stringify(await api.store.apiKeys.list())).not.toContain(key);
  expect(await api.store.apiKeys.findByHash(hashApiKey(key))).toMatchObject({ orgId: api.orgId });
});

test.each([
  ["POST", "/organisations", {}, 400],
  ["POST", "/organisations", { name: " \n" }, 400],
  ["POST", "/keys", { api: "docker" }, 400],
  ["POST", "/keys", { scope: "read" }, 400],
  ["PUT", "/organisations/nobody/limits", {}, 404],
  ["PUT", "/organisations/default/limits", { vcpus: 5 }, 400],
  ["PUT", "/organisations/default/limits", { vcpu: -1 }, 400],
  ["POST", "/keys", { org: "nobody" }, 404],
  ["GET", "/keys?org=nobody", undefined, 404],
] as const)("%s %s with %j is %i", async (method, url, body, status) => {
  expect((await ask(method, url, body)).status).toBe(status);
});

test("the API's port has none of it", async () => {
  for (const route of [
    "GET /vms",
    "GET /metrics",
    "GET /organisations",
    "POST /organisations",
    "GET /keys",
  ]) {
    expect((await api.call(route)).status).toBe(404);
  }
});

test("the socket is its owner's alone, in however long a folder, takes a stale one's place and goes", async () => {
  if (operator === undefined) throw new Error("no operator's application");
  const long = await mkdtemp(join(folder, "x".repeat(120)));
  const path = join(long, "operator.sock");
  await writeFile(path, "left by a daemon that was killed");
  const close = await listenForRoot(operator, path);
  const found = await stat(path);
  expect(found.isSocket()).toBe(true);
  expect(found.mode & 0o777).toBe(0o600);
  await symlink(long, join(folder, "short"));
  const sent = request({ socketPath: join(folder, "short", "operator.sock"), path: "/vms" });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  expect(JSON.parse(await text(response))).toEqual([]);
  await close();
  await expect(stat(path)).rejects.toThrow("ENOENT");
});

test("what is made while it comes up has the modes that its makers gave it", async () => {
  const meanwhile = await mkdtemp(join(folder, "meanwhile-"));
  const sockets = Array.from({ length: 20 }, (_, at) => join(folder, `socket-${at}`));
  const over = new AbortController();
  const makers = Array.from({ length: 8 }, async (_, maker) => {
    for (let at = 0; !over.signal.aborted; at++)
      await mkdir(join(meanwhile, `${maker}-${at}`), { mode: 0o700 });
  });
  const closes: (() => Promise<void>)[] = [];
  for (const socket of sockets) closes.push(await listenForRoot(Fastify(), socket));
  over.abort();
  await Promise.all(makers);
  const modes = await Promise.all((await readdir(meanwhile)).map((name) => stat(join(meanwhile, name))));
  expect(new Set(modes.map(({ mode }) => mode & 0o777))).toEqual(new Set([0o700]));
  await Promise.all(closes.map((close) => close()));
});

test("without images of registries there are no routes for them", async () => {
  await using _none = await testApp({ images: "none", useOperator: (app) => (operator = app) });
  expect((await ask("GET", "/images")).status).toBe(404);
});
