/** The agent's socket, byte by byte, over the fake worker. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createApiServer } from "../../../http/api-server.ts";
import { AgentClient } from "../../../testing/agent-client.ts";
import { eventually } from "../../../testing/eventually.ts";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;
let url: string;
let id: string;

beforeEach(async () => {
  api = await sandboxesApp({ serverFactory: createApiServer().serverFactory });
  url = await api.fastvm.app.listen({ host: "127.0.0.1", port: 0 });
  const spec = { name: "one", image: { type: "oci", reference: "base" }, runtime: { user: "nobody" } };
  ({ id } = await api.ok("POST /v1/sandboxes?start=true", spec));
});
afterEach(() => api[Symbol.asyncDispose]());

const agent = (key = api.key) => new AgentClient(`${url}/v1/sandboxes/${id}/agent`, key);
const opened = async () => {
  const client = agent();
  await client.told("core.ready");
  return client;
};
const EXEC = { cmd: "cat", args: ["-u"], env: ["A=b=c"], cwd: null, user: null, tty: false, rlimits: [] };

test("speaks first, with a range of ids that no older client mistakes", async () => {
  const client = agent();
  const ready = await client.told("core.ready");
  expect(ready).toMatchObject({ id: 0, flags: 0, payload: { agent_version: expect.any(String) } });
  expect(client.range?.[0]).toBeGreaterThan(0);
  expect(client.range?.[1]).toBeGreaterThan(4_194_304);
  client.socket.close();
});

test("runs a command as it was asked for, however its messages are cut", async () => {
  let spec: object = {};
  api.fastvm.worker.command = async function* (given) {
    spec = given;
    yield { kind: "stdout", data: Buffer.from("out") };
    yield { kind: "exit", exitCode: 7, timedOut: false, durationMs: 1 };
  };
  const client = await opened();
  const rlimits = [{ resource: "nofile", soft: 10n, hard: 2n ** 64n - 1n }];
  client.send(33_554_500, "core.exec.request", { ...EXEC, user: "nobody:users", rlimits }, true);
  expect(await client.told("core.exec.exited")).toMatchObject({
    id: 33_554_500,
    flags: 1,
    payload: { code: 7 },
  });
  expect((await client.told("core.exec.started")).payload).toEqual({ pid: 4711 });
  expect(Buffer.from((await client.told("core.exec.stdout")).payload.data).toString()).toBe("out");
  expect(spec).toMatchObject({ command: ["cat", "-u"], env: { A: "b=c" }, cwd: "/", user: "nobody:users" });
  expect(spec).toMatchObject({ limits: [{ resource: "nofile", soft: 10, hard: 2 ** 64 }] });
  client.socket.close();
});

describe("a command that runs", () => {
  let hold: PromiseWithResolvers<void>;

  beforeEach(() => {
    hold = Promise.withResolvers();
    api.fastvm.worker.command = async function* () {
      yield { kind: "stdout", data: Buffer.from("begun") };
      await hold.promise;
      yield { kind: "exit", exitCode: 143, timedOut: false, durationMs: 1 };
    };
  });
  afterEach(() => hold.resolve());

  test("is fed, told sizes and signals, and says that a signal ended it", async () => {
    const { terminal } = api.fastvm.worker;
    const client = await opened();
    client.send(1, "core.exec.request", { ...EXEC, tty: true, rows: 30, cols: 90 });
    client.send(1, "core.exec.stdin", { data: Buffer.from("typed") });
    client.send(1, "core.exec.resize", { rows: 40, cols: 100 });
    client.send(1, "core.exec.signal", { signal: 15 });
    await eventually(() =>
      expect(terminal).toMatchObject({ input: "typed", sizes: ["100x40"], signals: [15] }),
    );
    hold.resolve();
    expect((await client.told("core.exec.exited")).payload).toEqual({ code: -1 });
    client.socket.close();
  });

  test("is killed when its client is gone", async () => {
    const client = await opened();
    client.send(1, "core.exec.request", EXEC);
    await client.told("core.exec.stdout");
    client.socket.terminate();
    await eventually(() => expect(api.fastvm.worker.killed).toBe(1));
  });

  test("holds up no other", async () => {
    const client = await opened();
    client.send(1, "core.exec.request", EXEC);
    client.send(2, "core.ping", {});
    client.send(3, "core.touch", {});
    expect(await client.told("core.pong")).toMatchObject({ id: 2, flags: 1, payload: {} });
    expect(await client.told("core.touched")).toMatchObject({ id: 3, flags: 1 });
    client.socket.close();
  });
});

test.each<[object, string]>([
  [{ rlimits: [{ resource: "nofile", soft: 2, hard: 1 }] }, "resource_limit"],
  [{ rlimits: [{ resource: "no-such", soft: 1, hard: 1 }] }, "resource_limit"],
  [{ rlimits: [{ resource: "nofile", soft: -1, hard: 1 }] }, "resource_limit"],
  [{ env: ["=x"] }, "bad_args"],
])("does not start what it cannot carry out: %j", async (fields, kind) => {
  const client = await opened();
  client.send(1, "core.exec.request", { ...EXEC, ...fields });
  expect(await client.told("core.exec.failed")).toMatchObject({ flags: 1, payload: { kind } });
  client.socket.close();
});

test("says why a command did not start", async () => {
  api.fastvm.worker.command = async function* () {
    const diagnostic = "cat: No such file or directory";
    yield { kind: "exit", exitCode: 127, timedOut: false, durationMs: 1, diagnostic };
  };
  const client = await opened();
  client.send(1, "core.exec.request", EXEC);
  const { payload } = await client.told("core.exec.failed");
  expect(payload).toMatchObject({ kind: "not_found", errno: 2, errno_name: "ENOENT" });
  client.socket.close();
});

test("answers what it does not know, and closes on what is no frame", async () => {
  const client = await opened();
  client.send(9, "core.udp.connect", { host: "127.0.0.1", port: 1 });
  expect(await client.told("core.error")).toMatchObject({
    id: 9,
    flags: 1,
    payload: { kind: "unsupported_message_type", offending_type: "core.udp.connect" },
  });
  client.send(9, "core.fs.request", { op: { Explode: { path: "/a" } } });
  expect((await client.told("core.fs.response")).payload).toMatchObject({ ok: false });
  const closed = once(client.socket, "close");
  client.socket.send(Buffer.from([0xff, 0xff, 0xff, 0xff, 0]));
  await closed;
});

test("carries out one command for the flat generation, whose client speaks first", async () => {
  api.fastvm.worker.command = async function* () {
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  const client = new AgentClient(`${url}/microsandbox/v1/sandboxes/${id}/exec.cbor`, api.key, ["msb.cbor"]);
  await once(client.socket, "open");
  expect(client.socket.protocol).toBe("msb.cbor");
  client.send(1, "core.exec.request", EXEC);
  expect(await client.told("core.exec.exited")).toMatchObject({ id: 1, payload: { code: 0 } });
  client.socket.close();
});

test.each<[string, number]>([
  ["of another organisation", 404],
  ["that is none", 401],
])("is not opened by a key %s", async (whose, status) => {
  const client = agent(whose === "that is none" ? "msb_none" : api.otherKey);
  const [, answer] = (await once(client.socket, "unexpected-response")) as [unknown, { statusCode: number }];
  expect(answer.statusCode).toBe(status);
});

test("says in words why it is not opened, to a request for the same path", async () => {
  const ask = async (base: string, key = api.key) => {
    const headers = { authorization: `Bearer ${key}` };
    const answer = await fetch(`${url}${base}/v1/sandboxes/${id}/exec.cbor`, { headers });
    return { status: answer.status, ...((await answer.json()) as object) };
  };
  expect(await ask("")).toMatchObject({ status: 400, message: expect.stringContaining("is a WebSocket") });
  expect(await ask("", "msb_none")).toMatchObject({ status: 401, code: "invalid_api_key" });
  expect(await ask("", api.otherKey)).toMatchObject({ status: 404, code: "sandbox_not_found" });
  await api.ok(`POST /v1/sandboxes/${id}/stop`, {});
  const stopped = {
    status: 409,
    code: "vm_wrong_state",
    message: expect.stringContaining("this one is stopped"),
  };
  for (const base of ["", "/microsandbox"]) expect(await ask(base)).toMatchObject(stopped);
  const client = agent();
  const [, answer] = (await once(client.socket, "unexpected-response")) as [unknown, { statusCode: number }];
  expect(answer.statusCode).toBe(409);
});

test("takes no bytes from whoever is no WebSocket", async () => {
  const { port } = new URL(url);
  const plain = connect(Number(port), "127.0.0.1");
  plain.end(
    `GET /v1/sandboxes/${id}/agent HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  const [data] = (await once(plain, "data")) as [Buffer];
  expect(data.toString()).toMatch(/^HTTP\/1\.1 401/);
});
