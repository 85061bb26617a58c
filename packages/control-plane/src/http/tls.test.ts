import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect } from "node:http2";
import { request } from "node:https";
import { connect as connectTls } from "node:tls";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { createApiServer } from "./api-server.ts";
import { createControlPlane } from "../create-control-plane.ts";
import { FakeWorker } from "../testing/fake-worker.ts";
import { RecordingLog } from "../testing/recording-log.ts";
import { selfSigned } from "./testing/self-signed.ts";

test("with a certificate the port speaks HTTP/1.1, HTTP/2 and WebSocket behind TLS, and closes", async () => {
  const tls = selfSigned();
  const store = { kind: "sqlite", path: ":memory:" } as const;
  const config = { connectionGraceMs: 50 };
  const plane = await createControlPlane({
    worker: new FakeWorker(),
    log: new RecordingLog(),
    store,
    tls,
    config,
  });
  const address = await plane.listen({ host: "127.0.0.1", port: 0 });
  expect(address).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  const url = address.replace("127.0.0.1", "localhost");

  const sent = request(`${url}/healthz`, { ca: tls.cert });
  sent.end();
  const [response] = await once(sent, "response");
  expect([response.statusCode, response.httpVersion]).toEqual([200, "1.1"]);
  expect(response.headers["keep-alive"]).toBe("timeout=75");
  response.resume();

  const session = connect(url, { ca: tls.cert });
  const stream = session.request({ ":path": "/healthz" });
  const [headers] = await once(stream, "response");
  expect([headers[":status"], session.alpnProtocol]).toEqual([200, "h2"]);
  stream.resume();

  const socket = new WebSocket(`${url.replace("https", "wss")}/v1/vms/x/console/ws?session=no`, {
    ca: tls.cert,
  });
  const [error] = (await once(socket, "error")) as [Error];
  expect(error.message).toContain("401");

  const closed = once(session, "close");
  await plane.close();
  await closed;
});

/** A client's handshake costs the server ten times what it costs the client, and TLS 1.2 lets it ask for another at will. */
test("no connection makes the server negotiate twice", async () => {
  const tls = selfSigned();
  const server = createApiServer(tls).serverFactory((_request, response) => response.end(), {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    servername: "localhost",
    ca: tls.cert,
    maxVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
  });
  await once(socket, "secureConnect");
  const renegotiated = await new Promise((resolve) => {
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.renegotiate({}, (error) => resolve(error === null));
  });
  expect(renegotiated).toBe(false);
  socket.destroy();
  server.close();
});
