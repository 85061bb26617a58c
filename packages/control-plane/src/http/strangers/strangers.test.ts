/** The bounds on what strangers may do, at the API's own sockets; and that whoever has a key goes on. */
import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, constants, type ClientHttp2Session } from "node:http2";
import { connect as connectTcp, type AddressInfo, type Server, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { createApiServer, type ApiServer } from "../api-server.ts";
import { goaway, greeting, packedRequests, resets, windowUpdates } from "../testing/http2-frames.ts";
import { selfSigned } from "../testing/self-signed.ts";
import type { StrangerLimits } from "./stranger-limits.ts";
import { recognise } from "./visitor.ts";

/** On a busy machine. */
const SOON = { timeout: 20_000 };
/** More than frames that belong to nothing may have. */
const LARGE = Buffer.alloc(4 * 1024 * 1024);
const CALM = constants.NGHTTP2_ENHANCE_YOUR_CALM;

describe.each([
  ["in cleartext", undefined],
  ["behind TLS", selfSigned()],
])("%s", (_name, tls) => {
  let api: ApiServer;
  let server: Server;
  let begun = 0;
  const sockets = new Set<Socket>();

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    api.drain(0);
    await new Promise((resolve) => server.close(resolve));
  });

  async function start(limits: Partial<StrangerLimits> = {}): Promise<void> {
    begun = 0;
    api = createApiServer(tls, limits);
    server = api.serverFactory((request: IncomingMessage, response: ServerResponse) => {
      begun += 1;
      if (request.headers["x-api-key"] === "valid") recognise(request);
      if (request.url === "/large") response.end(LARGE);
      else if (request.url === "/upload") request.on("end", () => response.end("answer")).resume();
      else if (request.url !== "/never") response.end("answer");
    }, {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }

  /** In cleartext the protocol is what is written; behind TLS it is agreed upon. */
  function open(protocol: "h2" | "http/1.1" = "h2"): Socket {
    const to = { port: (server.address() as AddressInfo).port, host: "127.0.0.1" };
    const socket =
      tls === undefined
        ? connectTcp(to)
        : connectTls({ ...to, servername: "localhost", ca: tls.cert, ALPNProtocols: [protocol] });
    sockets.add(socket.on("error", () => undefined));
    return socket;
  }

  function openSession(): ClientHttp2Session {
    const socket = open();
    const session = connect("http://localhost", { createConnection: () => socket });
    return session.on("error", () => undefined);
  }

  async function get(session: ClientHttp2Session, headers = {}): Promise<string> {
    return Buffer.concat(await session.request({ ":path": "/", ...headers }).toArray()).toString();
  }

  async function getHttp1(): Promise<string> {
    const agent = new Agent();
    agent.createConnection = () => open("http/1.1");
    const sent = httpRequest("http://localhost/", { agent }).end();
    const [message] = (await once(sent, "response")) as [IncomingMessage];
    return Buffer.concat((await message.toArray()) as Buffer[]).toString();
  }

  test("a session that resets its streams is told to calm down and closed; few of its requests were begun", async () => {
    await start();
    const socket = open();
    socket.write(Buffer.concat([greeting(), resets(900)]));
    expect(await goaway(socket)).toBe(CALM);
    expect(begun).toBeLessThanOrEqual(250);
  });

  test("with a key it may, and goes on", async () => {
    await start();
    const session = openSession();
    await get(session, { "x-api-key": "valid" });
    for (let round = 0; round < 2; round += 1) {
      const streams = Array.from({ length: 400 }, () => session.request({ ":path": "/never" }));
      for (const stream of streams) stream.on("error", () => undefined).close(constants.NGHTTP2_CANCEL);
      await Promise.all(streams.map(async (stream) => stream.closed || (await once(stream, "close"))));
      expect(await get(session)).toBe("answer");
    }
  });

  test("without one, streams that were answered make up for some that were reset", async () => {
    await start({ resets: 10, resetsForgivenPerSec: 0 });
    const session = openSession();
    for (let round = 0; round < 30; round += 1) {
      expect(await get(session)).toBe("answer");
      const stream = session.request({ ":path": "/never" }).on("error", () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
      await once(stream, "close");
    }
    expect(await get(session)).toBe("answer");
  });

  test("SETTINGS without end are cut", async () => {
    await start();
    const socket = open();
    socket.write(greeting(100));
    expect(await goaway(socket)).toBe(CALM);
  });

  test.each([
    ["frames that belong to no request", windowUpdates(20_000)],
    ["headers that unpack to thousands", packedRequests(60, 4000)],
  ])("%s are cut, and tell on their address", async (_what, frames) => {
    await start();
    const socket = open();
    socket.write(Buffer.concat([greeting(), frames]));
    expect(await goaway(socket)).toBe(CALM);
    expect(api.strangers.counts().addresses).toBe(1);
  });

  test("requests with header fields by the ten thousand in one turn end their session, but of a client with a key", async () => {
    await start();
    const socket = open();
    socket.write(Buffer.concat([greeting(), packedRequests(30, 1900)]));
    expect(await goaway(socket)).toBe(CALM);
    expect(begun).toBeLessThanOrEqual(10_000 / 1900);
    expect(api.strangers.counts().addresses).toBe(1);
    const session = openSession();
    await get(session, { "x-api-key": "valid" });
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`x${index}`, "1"]));
    const answers = Array.from({ length: 30 }, () => get(session, many));
    expect(new Set(await Promise.all(answers))).toEqual(new Set(["answer"]));
  });

  test("a body without end is read no more once its request was answered, but of a client with a key", async () => {
    await start();
    const [stranger, key] = [open("http/1.1"), open("http/1.1")];
    const head = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n";
    const chunks = "1\r\nx\r\n".repeat(200_000);
    let answers = "";
    key.on("data", (data: Buffer) => (answers += data.toString()));
    key.write(`${head}X-API-Key: valid\r\n\r\n${chunks}0\r\n\r\n`);
    stranger.write(`${head}\r\n${chunks}`);
    expect(await goaway(stranger)).toBe(undefined);
    expect(key.closed).toBe(false);
    key.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await expect.poll(() => answers.split("answer").length, SOON).toBe(3);
  });

  test("bodies and answers of any size are not, nor many requests", async () => {
    await start();
    const session = openSession();
    expect(await get(session, { ":path": "/large" })).toHaveLength(LARGE.length);
    const upload = session.request({ ":path": "/upload", ":method": "POST" });
    upload.end(LARGE);
    expect(Buffer.concat(await upload.toArray()).toString()).toBe("answer");
    const head = "x".repeat(8000);
    const answers = Array.from({ length: 30 }, (_, index) => get(session, { "x-head": `${head}${index}` }));
    expect(new Set(await Promise.all(answers))).toEqual(new Set(["answer"]));
  });

  test("a session that breaks the protocol tells on its address", async () => {
    // A session by itself is no strain.
    await start({ strain: 50, strainEasedPerSec: 10 });
    const socket = open();
    socket.write(Buffer.concat([greeting(), Buffer.alloc(9, 0xff)]));
    await goaway(socket);
    open().write(greeting());
    await expect.poll(() => api.strangers.counts().waiting, SOON).toBe(1);
  });

  test("HTTP/1.1 requests by the thousand in one read end their connection, begun or not", async () => {
    await start();
    const one = "GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const [socket, key] = [open("http/1.1"), open("http/1.1")];
    socket.write(one.repeat(1000));
    await once(socket.resume(), "close");
    expect(begun).toBeLessThanOrEqual(64);
    // With a key they are its owner's affair.
    key.write(one.replace("/never", "/").replace("\r\n\r\n", "\r\nX-API-Key: valid\r\n\r\n"));
    let answered = 0;
    key.on("data", (chunk: Buffer) => (answered += chunk.toString().split("answer").length - 1));
    await expect.poll(() => answered, SOON).toBe(1);
    key.write(one.replace("/never", "/").repeat(300));
    await expect.poll(() => answered, SOON).toBe(301);
  });

  test("what an address under strain opens has to wait, and comes in; what is open goes on", async () => {
    await start({ strain: 100, strainEasedPerSec: 200, waitingPerAddress: 2 });
    const known = openSession();
    await get(known, { "x-api-key": "valid" });
    const flood = open();
    flood.write(Buffer.concat([greeting(), resets(900)]));
    expect(await goaway(flood)).toBe(CALM);
    const late = openSession();
    const answer = get(late);
    await expect.poll(() => api.strangers.counts().waiting, SOON).toBe(1);
    expect(await get(known)).toBe("answer");
    // Only of HTTP/1.1 in cleartext does a connection cost next to nothing.
    if (tls === undefined) expect(await getHttp1()).toBe("answer");
    expect(await answer).toBe("answer");
    expect(api.strangers.counts().waiting).toBe(0);
    late.destroy();
  });

  test("a session that came under strain may reset less", async () => {
    await start({ strain: 50, strainEasedPerSec: 200 });
    const flood = open();
    flood.write(Buffer.concat([greeting(), resets(900)]));
    expect(await goaway(flood)).toBe(CALM);
    const next = open();
    next.write(Buffer.concat([greeting(), resets(100)]));
    expect(await goaway(next)).toBe(CALM);
  });

  test("an address that pipelines again and again has to wait, and comes in; what is open goes on", async () => {
    await start({ strain: 200, strainEasedPerSec: 100 });
    const one = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const kept = open("http/1.1");
    const answered = () => once(kept, "data");
    kept.write(one);
    await answered();
    for (let round = 0; round < 4; round += 1) {
      const flood = open("http/1.1").resume();
      flood.write(one.replace("/", "/never").repeat(200));
      if (api.strangers.counts().waiting > 0) break;
      await Promise.race([
        // Also by a reset, as its requests are not read.
        new Promise((resolve) => flood.once("close", resolve)),
        expect.poll(() => api.strangers.counts().waiting, SOON).toBe(1),
      ]);
    }
    expect(api.strangers.counts().waiting).toBe(1);
    kept.write(one);
    await answered();
    expect(await getHttp1()).toBe("answer");
    expect(api.strangers.counts().waiting).toBe(0);
  });

  test("more than may wait are turned away", async () => {
    await start({ strain: 10, strainEasedPerSec: 1, waitingPerAddress: 3 });
    const flood = open();
    flood.write(Buffer.concat([greeting(), resets(900)]));
    expect(await goaway(flood)).toBe(CALM);
    const waiting = Array.from({ length: 8 }, () => open());
    for (const socket of waiting) socket.resume().write(greeting());
    await expect.poll(() => waiting.filter(({ closed }) => closed).length, SOON).toBe(5);
    expect(api.strangers.counts().waiting).toBe(3);
  });

  test("an address is forgotten in time", async () => {
    await start({ strainEasedPerSec: 100_000 });
    const flood = open();
    flood.write(Buffer.concat([greeting(), resets(900)]));
    expect(await goaway(flood)).toBe(CALM);
    expect(api.strangers.counts().addresses).toBe(1);
    await expect.poll(() => api.strangers.counts(), SOON).toMatchObject({ addresses: 0 });
  });

  test("of connections that say nothing the oldest are closed; those with a key or a request stay", async () => {
    await start({ idlePerAddress: 3 });
    const known = openSession();
    await get(known, { "x-api-key": "valid" });
    const busy = openSession();
    busy.request({ ":path": "/never" }).on("error", () => undefined);
    await expect.poll(() => begun, SOON).toBe(2);
    const silent: Socket[] = [];
    for (let index = 0; index < 10; index += 1) {
      const socket = open();
      silent.push(socket.resume());
      await once(socket, tls === undefined ? "connect" : "secureConnect");
      if (index % 2 === 0) socket.write(tls === undefined ? "GET / HT" : "PRI * HTT");
    }
    await expect
      .poll(() => silent.map(({ closed }) => closed))
      .toEqual([...Array<boolean>(7).fill(true), ...Array<boolean>(3).fill(false)]);
    expect([known.destroyed, busy.destroyed]).toEqual([false, false]);
    expect(await get(known)).toBe("answer");
    expect(api.strangers.counts().idle).toBe(3);
  });

  test("under a flood from five connections that come again, all others are answered", async () => {
    await start();
    const known = openSession();
    await get(known, { "x-api-key": "valid" });
    const flood = new AbortController();
    const attack = Buffer.concat([greeting(), resets(900)]);
    const attackers = Array.from({ length: 5 }, async () => {
      while (!flood.signal.aborted) {
        const socket = open();
        socket.write(attack);
        socket.setTimeout(100, () => socket.destroy());
        await goaway(socket);
      }
    });
    for (let round = 0; round < 50; round += 1) {
      expect(await get(known)).toBe("answer");
      if (tls === undefined) expect(await getHttp1()).toBe("answer");
    }
    const late = openSession();
    expect(await get(late)).toBe("answer");
    flood.abort();
    await Promise.all(attackers);
  });
});
