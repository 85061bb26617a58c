/** What root's socket can do, and that it is root's. */
import { mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
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
    new Set([own, others].map(({ id, orgId }: { id: string; orgId: string }) => ({ id, orgId }))),
  );
  for (const { id } of [own, others]) {
    expect((await operator?.inject({ method: "DELETE", url: `/vms/${id}` }))?.statusCode).toBe(200);
    expect((await operator?.inject({ method: "DELETE", url: `/vms/${id}` }))?.statusCode).toBe(404);
  }
  expect(api.worker.vms.size).toBe(0);
  expect((await api.call("GET /v1/vms", undefined, { key: OTHER_KEY })).body).toEqual([]);
});

test("the API's port has none of it", async () => {
  for (const route of ["GET /vms", "GET /metrics"]) {
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
