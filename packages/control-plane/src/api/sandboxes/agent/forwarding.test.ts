/** What SSH clients use of an agent: connections that the guest makes, and the verbs of SFTP. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { createApiServer } from "../../../http/api-server.ts";
import { AgentClient } from "../../../testing/agent-client.ts";
import { eventually } from "../../../testing/eventually.ts";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;
let client: AgentClient;

beforeEach(async () => {
  api = await sandboxesApp({ serverFactory: createApiServer().serverFactory });
  const url = await api.fastvm.app.listen({ host: "127.0.0.1", port: 0 });
  const { id } = await api.ok("POST /v1/sandboxes?start=true", {
    name: "one",
    image: { type: "oci", reference: "base" },
  });
  client = new AgentClient(`${url}/v1/sandboxes/${id}/agent`, api.key);
  await client.told("core.ready");
});
afterEach(async () => {
  client.socket.close();
  await api[Symbol.asyncDispose]();
});

const bytesOf = (id: number): string =>
  client.frames
    .filter((frame) => frame.id === id && frame.type === "core.tcp.data")
    .map(({ payload }) => Buffer.from(payload.data).toString())
    .join("");

test("a connection carries bytes both ways, and each half ends by itself", async () => {
  api.fastvm.worker.echoPorts.add(8080);
  client.send(5, "core.tcp.connect", { host: "localhost", port: 8080 });
  client.send(5, "core.tcp.data", { data: Buffer.from("there ") });
  client.send(5, "core.tcp.data", { data: Buffer.from("and back") });
  expect(await client.told("core.tcp.connected")).toMatchObject({ id: 5, flags: 0 });
  await eventually(() => expect(bytesOf(5)).toBe("there and back"));
  client.send(5, "core.tcp.eof", {});
  expect(await client.told("core.tcp.closed")).toMatchObject({ id: 5, flags: 1 });
  expect(client.frames.map(({ type }) => type).slice(-2)).toEqual(["core.tcp.eof", "core.tcp.closed"]);
});

test("one that is torn down is told nothing more of, and frees its id", async () => {
  api.fastvm.worker.greetings.set(22, "SSH-2.0");
  client.send(6, "core.tcp.connect", { host: "127.0.0.1", port: 22 });
  await eventually(() => expect(bytesOf(6)).toBe("SSH-2.0"));
  client.send(6, "core.tcp.close", {});
  client.send(7, "core.ping", {});
  await client.told("core.pong");
  expect(client.frames.some(({ type }) => type === "core.tcp.closed")).toBe(false);
  await eventually(() => {
    client.send(6, "core.tcp.data", { data: Buffer.from("x") });
    expect(client.frames.map(({ type }) => type)).toContain("core.tcp.failed");
  });
});

test.each([
  ["192.0.2.1", 80, /^connect 192\.0\.2\.1:80: .*ENETUNREACH/],
  ["localhost", 81, /^connect localhost:81: /],
  ["localhost", 0, /^connect localhost:0: /],
])("says why there is none to %s:%i", async (host, port, why) => {
  client.send(8, "core.tcp.connect", { host, port });
  const failed = await client.told("core.tcp.failed");
  expect(failed).toMatchObject({ id: 8, flags: 1 });
  expect(failed.payload.error).toMatch(why);
});

test("a name is the guest's to know, and another address is reached as the guest reaches it", async () => {
  const asked: (readonly string[])[] = [];
  api.fastvm.worker.command = async function* ({ command }) {
    asked.push(command);
    yield { kind: "stdout", data: Buffer.from("10.0.0.5       STREAM db\n10.0.0.5  DGRAM\n") };
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  api.fastvm.worker.reachable.add("10.0.0.5");
  api.fastvm.worker.greetings.set(5432, "hello");
  client.send(9, "core.tcp.connect", { host: "db", port: 5432 });
  await eventually(() => expect(bytesOf(9)).toBe("hello"));
  expect(asked).toEqual([["getent", "ahosts", "db"]]);
});

test("links, real paths and attributes are asked of the guest's own tools, in an order in which all of them hold", async () => {
  const asked: string[] = [];
  api.fastvm.worker.command = async function* ({ command }) {
    asked.push(command.join(" "));
    yield { kind: "stdout", data: Buffer.from("/real/path\n") };
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  const ask = async (id: number, op: object) => {
    client.send(id, "core.fs.request", { op });
    await eventually(() => expect(client.frames.some((frame) => frame.id === id)).toBe(true));
    return client.frames.find((frame) => frame.id === id)?.payload as object;
  };
  expect(await ask(1, { Symlink: { target: "a b", link_path: "/c" } })).toMatchObject({ ok: true });
  expect(await ask(2, { RealPath: { path: "x" } })).toMatchObject({ data: { Path: "/real/path" } });
  const attrs = { mode: null, uid: 5, gid: 6, size: 7, atime: 8n, mtime: null };
  expect(await ask(3, { SetStat: { path: "/c", follow_symlink: false, attrs } })).toMatchObject({ ok: true });
  expect(asked).toEqual([
    "ln -s -n -- a b /c",
    "readlink -f -- /x",
    "truncate -s 7 /c",
    "chown -h 5:6 /c",
    "touch -c -a -h -d @8 /c",
  ]);
  expect(await ask(4, { OpenDir: { path: "/none" } })).toMatchObject({ ok: false });
});
