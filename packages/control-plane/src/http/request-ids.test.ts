import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createApiServer } from "./api-server.ts";
import { nodeSqliteDialect } from "../store/node-sqlite.ts";
import { openStore } from "../store/store.ts";
import { DatabaseFaults, failingDialect } from "../testing/failing-dialect.ts";
import { TEST_KEY, testApp, type TestApp } from "../testing/test-app.ts";

let faults: DatabaseFaults;
let api: TestApp;
let operator: FastifyInstance | undefined;

beforeEach(async () => {
  faults = new DatabaseFaults();
  api = await testApp({
    store: await openStore("sqlite", failingDialect(nodeSqliteDialect(":memory:"), faults)),
    serverFactory: createApiServer().serverFactory,
    useOperator: (app) => (operator = app),
  });
});

afterEach(async () => {
  await api[Symbol.asyncDispose]();
});

const MINE = { headers: { "x-request-id": "mine-1" } };

test("every answer has an id: a success, a failure of each layer, what streams and what bypasses the framework", async () => {
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  const exec = `POST /v1/vms/${id}/exec`;
  const answers = [
    await api.call("GET /healthz"),
    await api.call("GET /v1/vms", undefined, { key: null }),
    await api.call("GET /nowhere"),
    await api.call("POST /v1/vms", undefined, { payload: "{" }),
    await api.call("POST /v1/vms", {}),
    await api.call(exec, { command: ["true"] }, { headers: { accept: "application/x-ndjson" } }),
  ];
  for (const url of ["/%zz", `/staging/${id}/some`]) {
    const answer = await api.app.inject({ method: "GET", url });
    answers.push({ status: answer.statusCode, headers: answer.headers, text: "", body: answer.json() });
  }
  const ids = answers.map(({ headers }) => headers["x-request-id"]);
  for (const given of ids) expect(given).toMatch(/^[0-9a-f-]{36}$/);
  expect(new Set(ids).size).toBe(answers.length);
  const failures = answers.filter(({ status }) => status >= 400);
  expect(failures).toHaveLength(6);
  for (const { headers, body } of failures) expect(body.requestId).toBe(headers["x-request-id"]);
});

test("a client's own id is taken over, unless it could be a key or break a line", async () => {
  expect((await api.call("GET /v1/vms", undefined, MINE)).headers["x-request-id"]).toBe("mine-1");
  const key = `fvm_${"k".repeat(43)}`;
  for (const given of [key, "two words", "a".repeat(129)]) {
    const answer = await api.call("GET /v1/vms", undefined, { headers: { "x-request-id": given } });
    expect(answer.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test("the log's line of a failure has the id, also when its body came later than its head", async () => {
  const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  const keyFound = Promise.withResolvers<void>();
  const { apiKeys } = api.store;
  const find = apiKeys.findByHash.bind(apiKeys);
  apiKeys.findByHash = (hash) => find(hash).finally(keyFound.resolve);
  const sent = request(`${url}/v1/vms`, {
    method: "POST",
    headers: { ...MINE.headers, "x-api-key": TEST_KEY },
  });
  sent.flushHeaders();
  await keyFound.promise;
  // By then it waits for the body.
  await setImmediate();
  faults.takeDown();
  sent.end('{"machineType":"c1m2"}');
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  expect(answer.statusCode).toBe(503);
  expect(await json(answer)).toMatchObject({ requestId: "mine-1" });
  expect(api.log.entries).toContainEqual(
    expect.objectContaining({ fields: expect.objectContaining({ requestId: "mine-1" }) }),
  );
});

test("so have the lines of what a request began elsewhere", async () => {
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  const keys = { publicKey: `ssh-ed25519 ${ED25519}` };
  api.worker.setAuthorizedKeys = () => Promise.reject(new Error("the guest hangs"));
  expect((await api.call("POST /v1/me/ssh-keys", keys, MINE)).status).toBe(201);
  const line = api.log.entries.find(({ message }) => message.includes("SSH keys could not be installed"));
  expect(line?.fields).toMatchObject({ vmId: id, requestId: "mine-1" });
});

/** A key's type and 32 bytes, each after its length. */
const ED25519 = Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from("ssh-ed25519"),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]).toString("base64");

test("root's socket names requests too", async () => {
  const answer = await operator?.inject({ method: "DELETE", url: "/vms/none", headers: MINE.headers });
  expect(answer?.headers["x-request-id"]).toBe("mine-1");
  expect(answer?.json()).toMatchObject({ code: "not_found", requestId: "mine-1" });
});

test("a console that opens, and one that does not", async () => {
  const url = (await api.app.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  const { token, websocketPath } = (await api.call(`POST /v1/vms/${id}/console-token`)).body;
  const socket = new WebSocket(`${url}${websocketPath}?session=${token}`, MINE);
  const [opened] = (await once(socket, "upgrade")) as [IncomingMessage];
  expect(opened.headers["x-request-id"]).toBe("mine-1");
  socket.on("error", () => undefined).terminate();
  const refused = new WebSocket(`${url}${websocketPath}?session=wrong`, MINE);
  const [, answer] = (await once(refused, "unexpected-response")) as [unknown, IncomingMessage];
  expect(answer.statusCode).toBe(401);
  expect(answer.headers["x-request-id"]).toBe("mine-1");
});
