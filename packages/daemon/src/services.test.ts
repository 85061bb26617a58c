/** The API and the services of VMs on one port, put together as the daemon does it. */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { createControlPlane, FakeWorker, type ControlPlane } from "@fastvm/control-plane";
import { createEdge, type Edge } from "@fastvm/edge";

/** Whose VMs' ports are ports of this machine. */
class DialledWorker extends FakeWorker {
  override dial(vmId: VmId, port: number): Promise<Duplex> {
    if (this.vms.get(vmId)?.status !== "running") return super.dial(vmId, port);
    return Promise.resolve(connect({ port, host: "127.0.0.1", allowHalfOpen: true }));
  }
}

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const DOMAIN = "example.test";
const service = createServer((request, response) => response.end(`${request.headers.host} ${request.url}`));
service.on("upgrade", (_request, socket) => {
  socket.end("HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
});

let plane: ControlPlane;
let edge: Edge;
let port: number;
let key: string;
let id: string;
let host: string;
let http2: ClientHttp2Session;

beforeAll(async () => {
  const worker = new DialledWorker();
  plane = await createControlPlane({
    worker,
    log,
    store: { kind: "sqlite", path: ":memory:" },
    config: { connectionGraceMs: 50, domain: DOMAIN },
    proxyServices: (directory) => {
      edge = createEdge({ worker, directory, domain: DOMAIN, log });
      return edge;
    },
  });
  key = await plane.ensureKey();
  port = Number(new URL(await plane.listen({ host: "127.0.0.1", port: 0 })).port);
  http2 = connectHttp2(`http://127.0.0.1:${port}`);
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  id = (await api("POST", "", { machineType: "c1m2" })).id;
  host = `web--${id.replaceAll("-", "")}.proxy.${DOMAIN}`;
});

afterAll(async () => {
  http2.destroy();
  await plane.close();
  service.closeAllConnections();
  service.close();
});

async function api(method: string, path: string, body?: object) {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/vms${path}`, {
    method,
    headers: { "x-api-key": key, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // oxlint-disable-next-line typescript/no-explicit-any -- the test reads into answers of every shape
  return (await answer.json()) as any;
}

async function get(path: string, vhost: string) {
  const sent = httpRequest({ port, host: "127.0.0.1", path, headers: { host: vhost } }).end();
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const body = Buffer.concat((await answer.toArray()) as Buffer[]).toString();
  return { status: answer.statusCode, error: answer.headers["x-fastvm-proxy-error"], body };
}

async function getHttp2(path: string, authority: string): Promise<string> {
  return Buffer.concat(await http2.request({ ":path": path, ":authority": authority }).toArray()).toString();
}

async function exchange(bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(bytes);
  return Buffer.concat(await socket.toArray()).toString();
}

const upgrade = (path: string, vhost: string) =>
  `GET ${path} HTTP/1.1\r\nHost: ${vhost}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;

test("a service shows the URLs at which it is reached, by HTTP/1.1 and HTTP/2, and by WebSocket", async () => {
  const { port: servicePort } = service.address() as AddressInfo;
  const shown = await api("POST", `/${id}/services`, { name: "web", port: servicePort });
  expect(shown).toMatchObject({
    url: `http://${host}:${port}/`,
    pathUrl: `http://127.0.0.1:${port}/proxy/${id.replaceAll("-", "")}/web/`,
  });
  const { host: vhost } = new URL(shown.url);
  expect(await get("/v1/vms?x", vhost)).toMatchObject({ status: 200, body: `${vhost} /v1/vms?x` });
  expect(await getHttp2("/a", vhost)).toBe(`${vhost} /a`);
  const { pathname, host: ours } = new URL(shown.pathUrl);
  expect(await get(`${pathname}b`, ours)).toMatchObject({ body: `${ours} /b` });
  expect(await getHttp2(`${pathname}c`, ours)).toBe(`${ours} /c`);
  expect(await exchange(upgrade("/", vhost))).toMatch(/^HTTP\/1.1 101 [^]*hello$/);
  expect(await exchange(upgrade(pathname, ours))).toMatch(/^HTTP\/1.1 101 [^]*hello$/);
});

test("the API's own paths, hosts and sockets stay the API's", async () => {
  const ours = `127.0.0.1:${port}`;
  expect(await get("/healthz", ours)).toMatchObject({ status: 200, error: undefined });
  expect(await get("/proxy", ours)).toMatchObject({ status: 404, error: undefined });
  expect(await getHttp2("/healthz", ours)).toContain("ok");
  expect(await exchange(upgrade(`/v1/vms/${id}/console/ws?session=no`, ours))).toMatch(/^HTTP\/1.1 401 /);
  expect(await get("/", `other.proxy.${DOMAIN}`)).toMatchObject({ status: 404, error: "host_not_found" });
});

test("what cannot be parsed is 400, in the same connection nothing follows", async () => {
  const smuggled =
    `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n` +
    `Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const answer = await exchange(smuggled);
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(answer.match(/HTTP\/1.1/g)).toHaveLength(1);
});

test("pause, autoResume, removal and deletion count for the next request", async () => {
  await api("POST", `/${id}/pause`);
  expect(await get("/", host)).toMatchObject({ status: 503, error: "machine_paused_auto_resume_disabled" });
  await api("PATCH", `/${id}`, { autoResume: true });
  expect(await get("/woken", host)).toMatchObject({ status: 200, body: `${host} /woken` });
  expect(await api("GET", `/${id}`)).toMatchObject({ status: "running", autoResume: true });
  await fetch(`http://127.0.0.1:${port}/v1/vms/${id}/services/web`, {
    method: "DELETE",
    headers: { "x-api-key": key },
  });
  expect(await get("/", host)).toMatchObject({ status: 404, error: "service_not_found" });
  await api("DELETE", `/${id}`);
  expect(await get("/", host)).toMatchObject({ status: 404, error: "machine_not_found" });
  expect(edge.metrics()).toMatchObject({ openRequests: 0, openConnections: 0 });
});
