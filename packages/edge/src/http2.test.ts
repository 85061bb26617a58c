/** HTTP/2 on either side: resets, trailers, empty answers, both bodies at once. */
import { once } from "node:events";
import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { send } from "./testing/request.ts";
import { TestEdge } from "./testing/test-edge.ts";

let proxy: TestEdge;
let client: ClientHttp2Session;

beforeEach(async () => {
  proxy = await TestEdge.start();
  client = connect(proxy.http2Url);
  client.on("error", () => undefined);
});

afterEach(async () => {
  client.destroy();
  expect(proxy.errors).toEqual([]);
  await proxy[Symbol.asyncDispose]();
});

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

async function h2cService(serve: Serve): Promise<VmId> {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    serve(stream, headers);
  });
  return proxy.vms.add({ port: await proxy.listen(server), h2c: true });
}

function ask(vmId: VmId, headers: Record<string, string> = {}, options = {}) {
  const stream = client.request({ ":authority": proxy.host(vmId), ...headers }, options);
  stream.on("error", () => undefined);
  return stream;
}

/** Node's client ends a body before it resets it, unless trailers are to follow; a browser just resets. */
function upload(vmId: VmId) {
  const stream = ask(vmId, { ":method": "POST" }, { waitForTrailers: true });
  stream.write("half");
  return stream;
}

/** Also when it errs. */
function closed(stream: { once(event: "close", listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => stream.once("close", () => resolve()));
}

test("both bodies stream at once, and trailers end the answer", async () => {
  const vmId = await h2cService((stream, headers) => {
    stream.respond(
      { ":status": 200, "x-te": headers.te ?? "", "x-path": headers[":path"] },
      { waitForTrailers: true },
    );
    stream.on("data", (chunk: Buffer) => stream.write(`echo ${chunk.toString()}`));
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.once("end", () => stream.end());
  });
  const stream = ask(vmId, { ":method": "POST", ":path": "/a?b", te: "trailers" });
  const [headers] = await once(stream, "response");
  expect(headers).toMatchObject({ ":status": 200, "x-te": "trailers", "x-path": "/a?b" });
  for (const word of ["one", "two"]) {
    const answer = once(stream, "data");
    stream.write(word);
    expect(String((await answer)[0])).toBe(`echo ${word}`);
  }
  const trailers = once(stream, "trailers");
  stream.end();
  stream.resume();
  expect((await trailers)[0]).toMatchObject({ "grpc-status": "0" });
});

test("an answer that is headers alone ends with them", async () => {
  const vmId = await h2cService((stream) =>
    stream.respond({ ":status": 200, "grpc-status": "5" }, { endStream: true }),
  );
  const stream = ask(vmId, { ":method": "POST" });
  stream.end("x");
  const [headers, flags] = await once(stream, "response");
  expect(headers["grpc-status"]).toBe("5");
  expect(flags & constants.NGHTTP2_FLAG_END_STREAM).not.toBe(0);
});

test.each([
  ["before its headers", false],
  ["in mid-answer", true],
])("a service's reset %s reaches the client with its code", async (_when, started) => {
  const vmId = await h2cService((stream) => {
    if (started) stream.respond({ ":status": 200 }, { waitForTrailers: true });
    if (started) stream.write("half");
    setTimeout(() => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM), 20);
  });
  const stream = ask(vmId);
  stream.resume();
  await closed(stream);
  expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
});

test("a cancelled answer is not taken for a whole one", async () => {
  const vmId = await h2cService((stream) => {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.write("half");
    setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), 20);
  });
  const stream = ask(vmId);
  stream.resume();
  await closed(stream);
  expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
  await expect(send(proxy.url, { vhost: proxy.host(vmId) })).rejects.toThrow(/aborted/);
});

test("a client's reset reaches the service with its code, and half a body never looks whole", async () => {
  const reset = Promise.withResolvers<number | undefined>();
  let ended = false;
  const vmId = await h2cService((stream) => {
    stream.resume().once("end", () => {
      ended = !stream.aborted;
    });
    stream.once("close", () => reset.resolve(stream.rstCode));
  });
  const stream = upload(vmId);
  await expect.poll(() => proxy.vms.open.size).toBe(1);
  await sleep(20);
  stream.close(constants.NGHTTP2_REFUSED_STREAM);
  expect(await reset.promise).toBe(constants.NGHTTP2_REFUSED_STREAM);
  expect(ended).toBe(false);
  await expect.poll(() => proxy.vms.open.size).toBe(0);
});

test("nor does it towards a service that speaks HTTP/1.1", async () => {
  const outcome = Promise.withResolvers<string>();
  const vmId = await proxy.service((request) => {
    request.on("error", () => undefined).resume();
    request.once("close", () => outcome.resolve(request.complete ? "whole" : "broken off"));
  });
  const stream = upload(vmId);
  await expect.poll(() => proxy.vms.open.size).toBe(1);
  await sleep(20);
  stream.close(constants.NGHTTP2_CANCEL);
  expect(await outcome.promise).toBe("broken off");
});

test("HTTP/1.1 clients reach services that speak HTTP/2, and the other way round", async () => {
  const h2 = await h2cService((stream, headers) => {
    stream.respond({
      ":status": 201,
      "set-cookie": ["a=1", "b=2"],
      "x-seen": `${headers.cookie} ${headers.host ?? headers[":authority"]}`,
    });
    stream.pipe(stream);
  });
  const answer = await send(proxy.url, {
    vhost: proxy.host(h2),
    method: "PUT",
    body: "abc",
    headers: { cookie: "c=3; d=4" },
  });
  expect(answer).toMatchObject({
    status: 201,
    body: "abc",
    headers: { "set-cookie": ["a=1", "b=2"], "x-seen": `c=3; d=4 ${proxy.host(h2)}` },
  });

  const h1 = await proxy.service((request, response) => {
    response.setHeader("Set-Cookie", ["a=1", "b=2"]);
    response.setHeader("x-seen", `${request.headers.cookie} ${request.headers.host}`);
    request.pipe(response);
  });
  const stream = client.request({ ":authority": proxy.host(h1), ":method": "POST", cookie: ["c=3", "d=4"] });
  stream.end("def");
  const [headers] = await once(stream, "response");
  expect(headers).toMatchObject({
    ":status": 200,
    "set-cookie": ["a=1", "b=2"],
    "x-seen": `c=3; d=4 ${proxy.host(h1)}`,
  });
  expect(headers).not.toHaveProperty("connection");
  expect(Buffer.concat(await stream.toArray()).toString()).toBe("def");
});

test("a POST without a body has the length 0 for a service that speaks HTTP/1.1", async () => {
  const vmId = await proxy.service(({ headers }, response) => {
    response.end(`${headers["content-length"]} ${headers["transfer-encoding"]}`);
  });
  const stream = ask(vmId, { ":method": "POST" }, { endStream: true });
  expect(Buffer.concat(await stream.toArray()).toString()).toBe("0 undefined");
});

test("a service that does not speak HTTP/2 although it is said to is 502", async () => {
  const { port } = (await proxy.vms.lookUp(
    await proxy.service((_request, response) => response.end()),
    "web",
  )) as {
    port: number;
  };
  const answer = await send(proxy.url, { vhost: proxy.host(proxy.vms.add({ port, h2c: true })) });
  expect([answer.status, answer.headers["x-fastvm-proxy-error"]]).toEqual([502, "service_bad_answer"]);
});

test("many streams of one session go to one service side by side", async () => {
  const vmId = await h2cService((stream, headers) => {
    stream.respond({ ":status": 200 });
    setTimeout(() => stream.end(headers[":path"]), 50);
  });
  const bodies = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const stream = ask(vmId, { ":path": `/${index}` });
      return Buffer.concat(await stream.toArray()).toString();
    }),
  );
  expect(bodies).toEqual(Array.from({ length: 100 }, (_, index) => `/${index}`));
  await expect.poll(() => proxy.edge.metrics().openConnections).toBe(0);
});
