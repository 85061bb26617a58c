import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type ClientHttp2Session } from "node:http2";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createControlPlane, type ControlPlane } from "./create-control-plane.ts";
import { FakeWorker } from "./testing/fake-worker.ts";
import { RecordingLog } from "./testing/recording-log.ts";

let folder: string;
let plane: ControlPlane;
let url: string;
let key: string;
let worker: FakeWorker;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-control-plane-"));
  worker = new FakeWorker();
  plane = await start();
  key = await plane.ensureKey();
  url = await plane.listen({ host: "127.0.0.1", port: 0 });
});

afterEach(async () => {
  await plane.close();
  await rm(folder, { recursive: true });
});

function start(): Promise<ControlPlane> {
  const store = { kind: "sqlite", path: join(folder, "store.db") } as const;
  return createControlPlane({ worker, log: new RecordingLog(), store, config: { connectionGraceMs: 50 } });
}

async function launch(): Promise<string> {
  const response = await fetch(`${url}/v1/vms`, {
    method: "POST",
    headers: { "x-api-key": key },
    body: '{"machineType":"c1m2"}',
  });
  expect(response.status).toBe(201);
  const vm = (await response.json()) as { id: string };
  return vm.id;
}

async function h2Request(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  body?: string,
): Promise<{ status: number; text: string }> {
  const stream = session.request(headers);
  if (body !== undefined) stream.write(body);
  stream.end();
  let status = 0;
  stream.on("response", (response) => {
    status = response[":status"] ?? 0;
  });
  stream.setEncoding("utf8");
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return { status, text };
}

test("root can ask before anybody hears that it is ready", async () => {
  const other = await createControlPlane({
    worker,
    log: new RecordingLog(),
    store: { kind: "sqlite", path: ":memory:" },
    config: { connectionGraceMs: 50 },
    operatorSocket: join(folder, "none", "operator.sock"),
  });
  try {
    await expect(other.listen({ host: "127.0.0.1", port: 0 })).rejects.toThrow(/ENOENT/);
    expect(other.app.server.listening).toBe(false);
  } finally {
    await other.close();
  }
});

describe("one port", () => {
  test("serves HTTP/1.1 and keeps its connections for more than a minute", async () => {
    const response = await fetch(`${url}/healthz`);
    expect(await response.json()).toEqual({ status: "ok" });
    expect(response.headers.get("keep-alive")).toBe("timeout=75");
  });

  test("serves HTTP/2 with prior knowledge", async () => {
    const id = await launch();
    const session = connect(url);
    const list = await h2Request(session, { ":path": "/v1/vms", "x-api-key": key });
    expect(list.status).toBe(200);
    expect(JSON.parse(list.text)).toMatchObject([{ id, status: "running" }]);
    const exec = await h2Request(
      session,
      {
        ":method": "POST",
        ":path": `/v1/vms/${id}/exec`,
        "x-api-key": key,
        accept: "application/x-ndjson",
      },
      '{"command":["true"]}',
    );
    expect(exec).toEqual({ status: 200, text: '{"t":"x","ms":1}\n' });
    session.close();
    await once(session, "close");
  });

  test("bears a request that arrives byte by byte", async () => {
    const socket = connectTcp(Number(new URL(url).port), "127.0.0.1");
    for (const byte of "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n") {
      socket.write(byte);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toMatch(/\{"status":"ok"\}$/);
  });

  test("a second request on a connection works too, with a body in a segment of its own", async () => {
    const socket = connectTcp(Number(new URL(url).port), "127.0.0.1");
    const head = `POST /v1/vms HTTP/1.1\r\nhost: x\r\nx-api-key: ${key}\r\ncontent-length: 22\r\n`;
    socket.write(`${head}\r\n`);
    socket.write('{"machineType":"c1m2"}');
    const [first] = (await once(socket, "data")) as [Buffer];
    expect(first.toString()).toMatch(/^HTTP\/1\.1 201/);
    socket.write(`${head}connection: close\r\n\r\n{"machineType":"c1m2"}`);
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 201/);
  });

  test("close ends open HTTP/2 sessions and idle connections", async () => {
    const session = connect(url);
    await h2Request(session, { ":path": "/healthz" });
    const idle = connectTcp(Number(new URL(url).port), "127.0.0.1");
    await once(idle, "connect");
    const closed = Promise.all([once(session, "close"), once(idle, "close")]);
    idle.resume();
    await plane.close();
    await closed;
    plane = await start();
  });
});

describe("keys", () => {
  test("a fresh key is new each time, and every one of them opens the same organisation", async () => {
    const second = await plane.ensureKey();
    expect(second).not.toBe(key);
    const organisations = await Promise.all(
      [key, second].map(async (each) => {
        const response = await fetch(`${url}/v1/org/quotas`, { headers: { "x-api-key": each } });
        return ((await response.json()) as { orgId: string }).orgId;
      }),
    );
    expect(organisations[0]).toBe(organisations[1]);
  });

  test("a known key is kept over a restart, and one chosen by the operator is registered", async () => {
    expect(await plane.ensureKey("chosen by hand")).toBe("chosen by hand");
    await plane.close();
    plane = await start();
    expect(await plane.ensureKey(key)).toBe(key);
    url = await plane.listen({ host: "127.0.0.1", port: 0 });
    for (const each of [key, "chosen by hand"]) {
      const response = await fetch(`${url}/v1/vms`, { headers: { authorization: `Bearer ${each}` } });
      expect(response.status).toBe(200);
    }
  });
});

test("VMs and their records survive a restart", async () => {
  const id = await launch();
  await plane.close();
  plane = await start();
  url = await plane.listen({ host: "127.0.0.1", port: 0 });
  const response = await fetch(`${url}/v1/vms/${id}`, { headers: { "x-api-key": key } });
  expect(await response.json()).toMatchObject({ id, status: "running" });
});
