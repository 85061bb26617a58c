/** What one HTTP/2 connection to the API's port carries. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type ClientHttp2Session, type Http2Server } from "node:http2";
import { connect as connectTcp, type AddressInfo, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApiServer, type TlsFiles } from "./api-server.ts";
import { selfSigned } from "./testing/self-signed.ts";

const BODY = Buffer.alloc(64 * 1024, 7);

let open = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  open += 1;
  response.once("close", () => (open -= 1));
  if (request.url === "/headers") response.end(String(Object.keys(request.headers).length));
  else response.end(BODY);
}

describe.each([
  ["in cleartext", undefined],
  ["behind TLS", selfSigned()],
])("%s", (_name, tls: TlsFiles | undefined) => {
  let server: Http2Server;
  let port: number;

  beforeAll(async () => {
    server = createApiServer(tls).serverFactory(answer, {}) as unknown as Http2Server;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
  });

  afterAll(() => server.close());

  function connectSocket(): Socket {
    if (tls === undefined) return connectTcp(port, "127.0.0.1");
    return connectTls({
      port,
      host: "127.0.0.1",
      servername: "localhost",
      ca: tls.cert,
      ALPNProtocols: ["h2"],
    });
  }

  function openSession(settings = {}, socket = connectSocket()): ClientHttp2Session {
    // Node's client has the same small bound on its memory as its server.
    const options = { maxSessionMemory: 1000, settings, createConnection: () => socket };
    const session = connect("http://localhost", options);
    session.on("error", () => undefined);
    return session;
  }

  async function get(session: ClientHttp2Session, path = "/", more = {}): Promise<Buffer> {
    return Buffer.concat(await session.request({ ":path": path, ...more }).toArray());
  }

  test.each([250, 1000])("1,000 answers of 64 KiB come whole, %i at a time", async (together) => {
    const session = openSession();
    // Before the settings came, Node's client would send no more than 100 at once.
    await once(session, "remoteSettings");
    let left = 1000;
    const worker = async () => {
      while (left-- > 0) expect((await get(session)).equals(BODY)).toBe(true);
    };
    await Promise.all(Array.from({ length: together }, worker));
    session.destroy();
  });

  test("999 streams whose client takes nothing stop no new one", async () => {
    const session = openSession({ initialWindowSize: 0 });
    await once(session, "remoteSettings");
    const stalled = Array.from({ length: 999 }, () => session.request({ ":path": "/" }));
    await Promise.all(stalled.map((stream) => once(stream, "response")));
    const [headers] = await once(session.request({ ":path": "/headers", ":method": "HEAD" }), "response");
    expect(headers[":status"]).toBe(200);
    session.destroy();
  });

  test.each(["destroy", "vanish"])(
    "a client that leaves takes its stalled streams along (%s)",
    async (how) => {
      const socket = connectSocket();
      const session = openSession({ initialWindowSize: 0 }, socket);
      await once(session, "remoteSettings");
      await expect.poll(() => open).toBe(0);
      await Promise.all([1, 2, 3].map(() => once(session.request({ ":path": "/" }), "response")));
      expect(open).toBe(3);
      // Without a word of HTTP/2, as a process that is killed.
      if (how === "vanish") socket.destroy();
      else session.destroy();
      await expect.poll(() => open).toBe(0);
      session.destroy();
    },
  );

  test("a request may have as many headers as fit", async () => {
    const session = openSession();
    const many = Object.fromEntries(Array.from({ length: 1500 }, (_, index) => [`x${index}`, "1"]));
    expect(Number(await get(session, "/headers", many))).toBeGreaterThan(1500);
    session.destroy();
  });
});
