/** Every answer that comes through the proxy has the request's id: a service's, the proxy's own, over each protocol. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:http2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { send } from "./testing/request.ts";
import { TestEdge } from "./testing/test-edge.ts";

const MINE = { "x-request-id": "mine-1" };

let proxy: TestEdge;

beforeEach(async () => {
  proxy = await TestEdge.start();
});

afterEach(async () => {
  await proxy[Symbol.asyncDispose]();
});

test("a service's answer gets it, as the client gave it or a new one", async () => {
  const vmId = await proxy.service((_request, response) => response.end("hello"));
  const vhost = proxy.host(vmId);
  expect((await send(proxy.url, { vhost, headers: MINE })).headers).toMatchObject(MINE);
  const named = (await send(proxy.url, { vhost })).headers["x-request-id"];
  expect(named).toMatch(/^[0-9a-f-]{36}$/);
});

test("one that the service sets itself stays", async () => {
  const vmId = await proxy.service((_request, response) => response.setHeader("X-Request-Id", "its").end());
  const answer = await send(proxy.url, { vhost: proxy.host(vmId), headers: MINE });
  expect(answer.headers["x-request-id"]).toBe("its");
});

test("an error of the proxy's own has it in the body too, in the API's shape", async () => {
  const answer = await send(proxy.url, { vhost: `web--${"0".repeat(32)}.proxy.example.test`, headers: MINE });
  expect(answer.status).toBe(404);
  expect(answer.headers).toMatchObject({ ...MINE, "x-fastvm-proxy-error": "machine_not_found" });
  const body: unknown = JSON.parse(answer.body);
  expect(body).toEqual({
    error: "There is no such VM",
    message: "There is no such VM",
    code: "machine_not_found",
    hint: "List the VMs to see what exists",
    suggested_action: "List the VMs to see what exists",
    retryable: false,
    requestId: "mine-1",
  });
});

test("a bug's line in the log has it", async () => {
  const vmId = await proxy.service((_request, response) => response.end());
  proxy.vms.lookUp = () => Promise.reject(new Error("a bug"));
  proxy.vms.credentialCheck = () => Promise.reject(new Error("a bug"));
  const answer = await send(proxy.url, { vhost: proxy.host(vmId), headers: MINE });
  expect(answer.status).toBe(500);
  expect(proxy.errors).toEqual([expect.objectContaining({ requestId: "mine-1" })]);
});

test("over HTTP/2", async () => {
  const vmId = await proxy.service((_request, response) => response.end("hello"));
  const session = connect(proxy.http2Url);
  const stream = session.request({ ":authority": proxy.host(vmId), ...MINE });
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  expect(headers).toMatchObject({ ":status": 200, ...MINE });
  session.destroy();
});

test("a WebSocket that opens", async () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const vmId = proxy.vms.add({ port: await proxy.listen(server) });
  const socket = new WebSocket(proxy.url, { headers: { Host: proxy.host(vmId), ...MINE } });
  const [answer] = (await once(socket, "upgrade")) as [IncomingMessage];
  expect(answer.headers).toMatchObject(MINE);
  socket.on("error", () => undefined).terminate();
  sockets.close();
});
