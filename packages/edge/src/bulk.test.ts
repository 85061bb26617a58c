/** Much at once: large bodies with flat memory, many requests, and slow ones that hold up nobody. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { send } from "./testing/request.ts";
import { TestEdge } from "./testing/test-edge.ts";

/** Twice what memory may grow by: whoever gathered a body would be seen. */
const LARGE_BYTES = 200 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 1);
const MAX_GROWTH_MIB = 100;
/** Of a thousand requests. */
const TOGETHER = 300;

function* chunks(bytes: number) {
  for (let sent = 0; sent < bytes; sent += CHUNK.length) yield CHUNK;
}

async function count(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
}

describe("a large body each way", () => {
  let services: TestEdge;
  let child: ChildProcess;
  let ports: { port: number; http2Port: number; hosts: readonly [string, string] };

  beforeAll(async () => {
    services = await TestEdge.start();
    const answer = (
      request: AsyncIterable<Uint8Array> & { method?: string | undefined; url?: string | undefined },
      response: NodeJS.WritableStream,
    ) => {
      if (request.method === "GET") Readable.from(chunks(Number(request.url?.slice(1)))).pipe(response);
      // A test that is given up closes its upload; whose fault that was, it says itself.
      else
        void count(request).then(
          (bytes) => response.end(String(bytes)),
          () => undefined,
        );
    };
    const http1 = await services.listen(createServer((request, response) => answer(request, response)));
    const http2 = await services.listen(
      createHttp2Server((request, response) => answer(request, response as never)),
    );
    const file = fileURLToPath(new URL("./testing/transfer-child.ts", import.meta.url));
    child = fork(file, [String(http1), String(http2)], { execArgv: ["--conditions=development"] });
    [ports] = (await once(child, "message")) as [typeof ports];
  });

  afterAll(async () => {
    child.kill();
    await services[Symbol.asyncDispose]();
  });

  async function memory(): Promise<{ peakMib: number }> {
    const answer = once(child, "message");
    child.send("memory");
    return ((await answer) as [{ peakMib: number }])[0];
  }

  /** By how much the most memory that the proxy ever had grows with a large body each way, once 64 MiB have warmed it up. */
  async function growthMib(transfer: (bytes: number) => Promise<void>): Promise<number> {
    await transfer(64 * 1024 * 1024);
    const { peakMib } = await memory();
    await transfer(LARGE_BYTES);
    return (await memory()).peakMib - peakMib;
  }

  async function throughHttp1(host: string, bytes: number): Promise<void> {
    const url = `http://127.0.0.1:${ports.port}/`;
    const upload = httpRequest(url, { method: "POST", headers: { host }, agent: false });
    const answered = once(upload, "response");
    for (const chunk of chunks(bytes)) if (!upload.write(chunk)) await once(upload, "drain");
    upload.end();
    const [answer] = (await answered) as [IncomingMessage];
    expect(Buffer.concat((await answer.toArray()) as Buffer[]).toString()).toBe(String(bytes));
    const download = httpRequest(`${url}${bytes}`, { headers: { host }, agent: false }).end();
    const [body] = (await once(download, "response")) as [IncomingMessage];
    expect(await count(body)).toBe(bytes);
  }

  async function throughHttp2(authority: string, bytes: number): Promise<void> {
    const session = connectHttp2(`http://127.0.0.1:${ports.http2Port}`);
    const upload = session.request({ ":method": "POST", ":authority": authority });
    for (const chunk of chunks(bytes)) if (!upload.write(chunk)) await once(upload, "drain");
    upload.end();
    expect(Buffer.concat((await upload.toArray()) as Buffer[]).toString()).toBe(String(bytes));
    expect(await count(session.request({ ":authority": authority, ":path": `/${bytes}` }))).toBe(bytes);
    session.destroy();
  }

  test("over HTTP/1.1 leaves memory flat", { timeout: 120_000 }, async () => {
    expect(await growthMib((bytes) => throughHttp1(ports.hosts[0], bytes))).toBeLessThan(MAX_GROWTH_MIB);
  });

  test("over HTTP/2 leaves memory flat", { timeout: 120_000 }, async () => {
    expect(await growthMib((bytes) => throughHttp2(ports.hosts[1], bytes))).toBeLessThan(MAX_GROWTH_MIB);
  });
});

describe("side by side", () => {
  let proxy: TestEdge;

  beforeAll(async () => {
    proxy = await TestEdge.start();
  });

  afterEach(async () => {
    expect(proxy.errors).toEqual([]);
    await expect.poll(() => proxy.edge.metrics().openConnections, { timeout: 5000 }).toBe(0);
  });

  afterAll(() => proxy[Symbol.asyncDispose]());

  test("1,000 requests to ten VMs each get their own answer", async () => {
    // Nobody has an answer before so many are there at once, however slowly they come.
    let waiting = 0;
    const many = Promise.withResolvers<void>();
    const vms = await Promise.all(
      Array.from({ length: 10 }, () =>
        proxy.service((request, response) => {
          waiting += 1;
          if (waiting === TOGETHER) many.resolve();
          void many.promise.then(() => response.end(`${request.headers.host}${request.url}`));
        }),
      ),
    );
    const hosts = vms.map((vmId) => proxy.host(vmId));
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, index) => {
        const vhost = hosts[index % 10] ?? "";
        return [`${vhost}/${index}`, (await send(`${proxy.url}/${index}`, { vhost })).body];
      }),
    );
    for (const [expected, got] of answers) expect(got).toBe(expected);
    expect(proxy.edge.metrics().requests["2xx"]).toBe(1000);
  });

  test("a client that does not read and a service that does not read hold up nobody else", async () => {
    const vmId = await proxy.service((request, response) => {
      if (request.url === "/deaf") {
        request.pause();
        return;
      }
      for (const chunk of request.url === "/big" ? chunks(64 * 1024 * 1024) : ["quick"])
        response.write(chunk);
      response.end();
    });
    const vhost = proxy.host(vmId);
    const slow = connect(proxy.port, "127.0.0.1");
    slow.pause().write(`GET /big HTTP/1.1\r\nHost: ${vhost}\r\n\r\n`);
    const upload = connect(proxy.port, "127.0.0.1");
    upload.on("error", () => undefined);
    upload.write(`POST /deaf HTTP/1.1\r\nHost: ${vhost}\r\nContent-Length: 100000000\r\n\r\n`);
    for (const chunk of chunks(32 * 1024 * 1024)) upload.write(chunk);
    await expect.poll(() => proxy.vms.open.size, { timeout: 10_000 }).toBe(2);
    const held = [...proxy.vms.open];
    for (let round = 0; round < 50; round += 1) {
      expect((await send(proxy.url, { vhost })).body).toBe("quick");
    }
    // Whoever had waited for the slow ones would have found them ended.
    expect(held.filter((connection) => connection.destroyed)).toEqual([]);
    slow.destroy();
    upload.destroy();
    // Nothing of the upload is read, so that its client has left is noticed when the VM ends.
    for (const connection of held) connection.destroy();
  });
});
