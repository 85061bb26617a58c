/** Requests to services that speak HTTP/1.1. */
import { once } from "node:events";
import { createConnection } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { open, send, sendBytes } from "./testing/request.ts";
import { TestEdge } from "./testing/test-edge.ts";

let proxy: TestEdge;

beforeEach(async () => {
  proxy = await TestEdge.start();
});

afterEach(async () => {
  expect(proxy.errors).toEqual([]);
  await proxy[Symbol.asyncDispose]();
});

/** Answers with what it saw. */
async function mirror() {
  return proxy.service((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers, rawHeaders } = request;
      response.setHeader("x-from", "service");
      response.end(
        JSON.stringify({ method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString() }),
      );
    });
  });
}

test("a service is reached by its host name; the port in it, its case and a last dot do not count", async () => {
  const vmId = await mirror();
  const host = proxy.host(vmId);
  for (const vhost of [host, `${host}:8800`, host.toUpperCase(), `${host}.`]) {
    const answer = await send(`${proxy.url}/a/b?c=d`, { vhost, method: "POST", body: "hello" });
    expect(answer).toMatchObject({ status: 200, headers: { "x-from": "service" } });
    expect(JSON.parse(answer.body)).toMatchObject({
      method: "POST",
      url: "/a/b?c=d",
      body: "hello",
      headers: { host: vhost },
    });
  }
});

test("and by path, of which the service sees what follows its name", async () => {
  const vmId = await mirror();
  const prefix = `/proxy/${vmId.replaceAll("-", "")}/web`;
  const answer = await send(proxy.url, { path: `${prefix}/a//b/../c?d=%2F` });
  const seen = JSON.parse(answer.body);
  expect(seen.url).toBe("/a//b/../c?d=%2F");
  expect(seen.headers).toMatchObject({ host: `127.0.0.1:${proxy.port}`, "x-forwarded-prefix": prefix });
  const bare = await send(`${proxy.url}${prefix}?q=1`);
  expect([bare.status, bare.headers.location]).toEqual([308, "web/?q=1"]);
  const posted = await send(`${proxy.url}${prefix}`, { method: "POST", body: "x" });
  expect(JSON.parse(posted.body)).toMatchObject({ url: "/", method: "POST", body: "x" });
});

test("what names no service is 404, and says so in a header", async () => {
  const vmId = await mirror();
  const other = "0".repeat(32);
  const cases: [string, string, string][] = [
    ["/", `nothing.proxy.example.test`, "host_not_found"],
    ["/", `web--${other}.proxy.example.test`, "machine_not_found"],
    ["/", proxy.host(vmId, "other"), "service_not_found"],
    [`/proxy/${other}/web/`, "x", "machine_not_found"],
    [`/proxy/${vmId}/web/`, "x", "host_not_found"],
    [`/proxy/`, "x", "host_not_found"],
  ];
  for (const [path, vhost, code] of cases) {
    const answer = await send(proxy.url + path, { vhost });
    expect([answer.status, answer.headers["x-fastvm-proxy-error"]]).toEqual([404, code]);
    expect(JSON.parse(answer.body)).toMatchObject({
      code,
      retryable: false,
      error: expect.any(String) as string,
    });
  }
});

describe("headers", () => {
  test("of the connection stay behind, both ways; all others go on as they were written", async () => {
    const vmId = await proxy.rawService((socket) => {
      let seen = "";
      socket.on("data", (chunk) => {
        seen += chunk.toString("latin1");
        if (!seen.includes("\r\n\r\n")) return;
        const lines =
          "Connection: X-Secret, close\r\nX-Secret: 1\r\nKeep-Alive: timeout=1\r\nUpgrade: foo\r\nX-Kept: 1\r\nX-Kept: 2\r\n";
        socket.end(`HTTP/1.1 200 Fine\r\n${lines}Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n${seen}`);
      });
    });
    const head = `GET / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\nConnection: keep-alive, TE\r\nTE: gzip\r\nKeep-Alive: 1\r\n`;
    const more =
      "Proxy-Connection: x\r\nProxy-Authorization: x\r\nx-LIKE-this: 1\r\nX-Like-This: 2\r\nAccept: b\r\n\r\n";
    const answer = await sendBytes(proxy.port, head + more);
    const [answered = "", seen = ""] = answer.split("\r\n\r\n", 2);
    expect(answered).toMatch(/^HTTP\/1.1 200 Fine\r\n/);
    expect(answered).toContain("X-Kept: 1\r\nX-Kept: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2");
    expect(answered).not.toMatch(/X-Secret|timeout=1\b.*timeout|Upgrade/);
    expect(seen).toContain("x-LIKE-this: 1\r\nX-Like-This: 2\r\nAccept: b\r\n");
    expect(seen).toMatch(/\r\nConnection: keep-alive$/);
    expect(seen).not.toMatch(/^(TE|Keep-Alive|Proxy-)/im);
  });

  test("X-Forwarded-* tell of the client; a reverse proxy on this machine is believed", async () => {
    const vmId = await mirror();
    const vhost = proxy.host(vmId);
    const plain = JSON.parse((await send(proxy.url, { vhost })).body).headers;
    expect(plain).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": vhost,
    });
    const headers = {
      "X-Forwarded-For": "203.0.113.7",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "a.example",
    };
    const behind = JSON.parse((await send(proxy.url, { vhost, headers })).body).headers;
    expect(behind).toMatchObject({
      "x-forwarded-for": "203.0.113.7, 127.0.0.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "a.example",
    });
  });

  test("X-Forwarded-* with underscores, which many services take for the same, are dropped whoever sends them", async () => {
    const vmId = await mirror();
    const headers = {
      X_Forwarded_For: "6.6.6.6",
      "X-Forwarded_Proto": "https",
      x_real_ip: "6.6.6.6",
      X_Other: "kept",
    };
    const seen = JSON.parse((await send(proxy.url, { vhost: proxy.host(vmId), headers })).body).headers;
    expect(seen).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      x_other: "kept",
    });
    expect(
      Object.keys(seen).filter((name) => /^x.(forwarded|real).*_|^x_(forwarded|real)/.test(name)),
    ).toEqual([]);
  });

  test("Expect: 100-continue is answered, and not passed on", async () => {
    const vmId = await mirror();
    const head = `POST / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab`;
    const answer = await sendBytes(proxy.port, head);
    expect(answer).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200/);
    expect(answer).not.toMatch(/"expect"/i);
  });
});

describe("bodies", () => {
  test("without a length go on in chunks, empty ones say so, and a GET may have one", async () => {
    const vmId = await mirror();
    const vhost = proxy.host(vmId);
    const chunked = { "Transfer-Encoding": "chunked" };
    const seenOf = async (method: string, body: string, headers = {}) =>
      JSON.parse((await send(proxy.url, { vhost, method, body, headers })).body);
    expect(await seenOf("PUT", "abc", chunked)).toMatchObject({
      body: "abc",
      headers: { "transfer-encoding": "chunked" },
    });
    expect(await seenOf("GET", "abc", chunked)).toMatchObject({ body: "abc" });
    expect(await seenOf("POST", "", { "Content-Length": "0" })).toMatchObject({
      headers: { "content-length": "0" },
    });
    const plain = await seenOf("GET", "");
    expect(plain.headers).not.toHaveProperty("transfer-encoding");
  });

  test("that are not there are said to be empty where a method usually has one", async () => {
    const vmId = await mirror();
    const framingOf = async (method: string) => {
      const head = `${method} / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\n\r\n`;
      const [, body = ""] = (await sendBytes(proxy.port, head)).split("\r\n\r\n");
      const { headers } = JSON.parse(body);
      return [headers["content-length"], headers["transfer-encoding"]];
    };
    for (const method of ["POST", "PUT", "PATCH", "PROPFIND"]) {
      expect(await framingOf(method)).toEqual(["0", undefined]);
    }
    for (const method of ["GET", "DELETE", "OPTIONS", "TRACE"]) {
      expect(await framingOf(method)).toEqual([undefined, undefined]);
    }
  });

  test("answers to HEAD, 204 and 304 have none, whatever their headers say", async () => {
    const vmId = await proxy.service((request, response) => {
      response.writeHead(
        Number(request.url?.slice(1)),
        request.method === "HEAD" ? { "content-length": "5" } : {},
      );
      response.end();
    });
    const vhost = proxy.host(vmId);
    const head = await send(`${proxy.url}/200`, { vhost, method: "HEAD" });
    expect([head.status, head.headers["content-length"], head.body]).toEqual([200, "5", ""]);
    expect(await send(`${proxy.url}/204`, { vhost })).toMatchObject({ status: 204, body: "" });
    expect(await send(`${proxy.url}/304`, { vhost })).toMatchObject({ status: 304, body: "" });
  });

  test("events of a stream arrive one by one, and its end when the client leaves reaches the service", async () => {
    const left = Promise.withResolvers<void>();
    const next = Promise.withResolvers<void>();
    const vmId = await proxy.service((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: 1\n\n");
      void next.promise.then(() => response.write("data: 2\n\n"));
      response.once("close", () => left.resolve());
    });
    const message = await open(proxy.url, { vhost: proxy.host(vmId) });
    const [first] = (await once(message, "data")) as [Buffer];
    expect(first.toString()).toBe("data: 1\n\n");
    next.resolve();
    const [second] = (await once(message, "data")) as [Buffer];
    expect(second.toString()).toBe("data: 2\n\n");
    message.destroy();
    await left.promise;
    await expect.poll(() => proxy.vms.open.size).toBe(0);
    expect(proxy.edge.metrics()).toMatchObject({ openRequests: 0, openConnections: 0 });
    expect(proxy.edge.metrics().requests).toEqual({ "2xx": 1 });
  });

  test("trailers of chunked answers are passed on", async () => {
    const vmId = await proxy.service((_request, response) => {
      response.writeHead(200, { Trailer: "X-Sum" });
      response.write("a");
      response.addTrailers({ "X-Sum": "42" });
      response.end();
    });
    const message = await open(proxy.url, { vhost: proxy.host(vmId) });
    await message.toArray();
    expect(message.trailers).toEqual({ "x-sum": "42" });
  });

  test("a client that leaves in mid-upload ends the service's request", async () => {
    const aborted = Promise.withResolvers<void>();
    const vmId = await proxy.service((request) => {
      request.on("error", () => undefined).resume();
      request.once("close", () => !request.complete && aborted.resolve());
    });
    const socket = createConnection(proxy.port, "127.0.0.1");
    socket.write(`POST / HTTP/1.1\r\nHost: ${proxy.host(vmId)}\r\nContent-Length: 100\r\n\r\nabc`);
    await expect.poll(() => proxy.vms.open.size).toBe(1);
    await sleep(20);
    socket.destroy();
    await aborted.promise;
    await expect.poll(() => proxy.vms.open.size).toBe(0);
    expect(proxy.edge.metrics().requests).toEqual({ aborted: 1 });
  });

  test("an answer that comes before the upload's end is passed on, and the connection goes on", async () => {
    const vmId = await proxy.service((_request, response) => {
      response.writeHead(413, { "content-length": "3" });
      response.end("big");
    });
    const body = Buffer.alloc(4 * 1024 * 1024);
    const answer = await send(proxy.url, { vhost: proxy.host(vmId), method: "POST", body });
    expect(answer).toMatchObject({ status: 413, body: "big" });
  });
});

test("connections are kept for more requests, which may come at once and go to different VMs", async () => {
  const [first, second] = [await mirror(), await mirror()];
  const get = (path: string, vm: typeof first) => `GET ${path} HTTP/1.1\r\nHost: ${proxy.host(vm)}\r\n\r\n`;
  const answers = await sendBytes(proxy.port, get("/1", first) + get("/2", second) + get("/3", first));
  expect(answers.match(/"url":"\/\d"/g)).toEqual(['"url":"/1"', '"url":"/2"', '"url":"/3"']);
});
