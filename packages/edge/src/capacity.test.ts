/** How much of the daemon clients and services may take. */
import { connect, createServer, type Http2Session } from "node:http2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FastvmError } from "@fastvm/contract";
import { open, send } from "./testing/request.ts";
import { TestEdge } from "./testing/test-edge.ts";

let proxy: TestEdge;

beforeEach(async () => {
  proxy = await TestEdge.start({ connections: 3 });
});

afterEach(async () => {
  expect(proxy.errors).toEqual([]);
  await expect.poll(() => proxy.edge.metrics()).toMatchObject({ openRequests: 0, openConnections: 0 });
  await proxy[Symbol.asyncDispose]();
});

const refusalOf = async (vhost: string) => {
  const { status, headers } = await send(proxy.url, { vhost });
  return [status, headers["x-fastvm-proxy-error"], headers["retry-after"]];
};

test("all VMs together have only so many connections; one that ends makes room for any", async () => {
  const vms = await Promise.all(
    Array.from({ length: 2 }, () => proxy.service((_request, response) => response.write("a"))),
  );
  const [first = "", second = ""] = vms.map((vmId) => proxy.host(vmId));
  const kept = await Promise.all([first, first, second].map((vhost) => open(proxy.url, { vhost })));
  for (const vhost of [first, second]) {
    expect(await refusalOf(vhost)).toEqual([503, "too_many_connections", "5"]);
  }
  kept[0]?.destroy();
  await expect.poll(() => proxy.edge.metrics().openConnections).toBe(2);
  kept.push(await open(proxy.url, { vhost: second }));
  for (const answer of kept) answer.destroy();
});

test("a VM whose link carries no more streams has too many connections", async () => {
  const vmId = proxy.vms.add({ port: 1 });
  proxy.vms.dial = () => Promise.reject(new FastvmError("out_of_capacity", "the VM has 1,024 streams"));
  expect(await refusalOf(proxy.host(vmId))).toEqual([503, "too_many_connections", "5"]);
});

test("a service over HTTP/2 gets at most 256 KiB ahead of a client that does not read", async () => {
  const server = createServer();
  const asked = Promise.withResolvers<Http2Session>();
  server.on("stream", (stream) => {
    stream.on("error", () => undefined).respond({ ":status": 200 });
    stream.write(Buffer.alloc(4 * 1024 * 1024));
    if (stream.session !== undefined) asked.resolve(stream.session);
  });
  const vmId = proxy.vms.add({ port: await proxy.listen(server), h2c: true });
  const client = connect(proxy.http2Url, { settings: { initialWindowSize: 0 } });
  client.request({ ":authority": proxy.host(vmId) });
  const session = await asked.promise;
  const sentKib = () => session.socket.bytesWritten / 1024;
  await expect.poll(sentKib).toBeGreaterThan(200);
  // By the time of its answer, the proxy has said how much more it takes.
  await new Promise((resolve) => session.ping(resolve));
  await new Promise((resolve) => session.ping(resolve));
  expect(sentKib()).toBeLessThan(260);
  client.destroy();
});
