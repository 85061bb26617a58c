/** Services of a real VM, reached through the proxy: by host name and by path, as a stream, as a WebSocket, and when the VM is paused. */
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Service, Vm } from "fastvm";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";

/**
 * Three events, each at `/held` once "go" was posted after the one before, and a WebSocket that says everything twice, with what Python
 * brings.
 */
const SERVER = `
import base64, hashlib, http.server, threading
go = threading.Semaphore(0)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
            self.end_headers()
            while True:
                head = self.rfile.read(6)
                if len(head) < 6 or head[0] & 15 == 8: return
                data = self.rfile.read(head[1] & 127)
                text = bytes(byte ^ head[2 + i % 4] for i, byte in enumerate(data)) * 2
                self.wfile.write(bytes([129, len(text)]) + text)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for i in range(3):
            self.wfile.write(f"data: {i}\\n\\n".encode())
            self.wfile.flush()
            if self.path == "/held" and not go.acquire(timeout=60): return
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"go": go.release()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(hashlib.sha256(body).hexdigest().encode())
http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Handler).serve_forever()
`;

let daemon: SharedDaemon;
let client: FastvmClient;
let vm: Vm;
let files: Service;
let live: Service;

beforeAll(async () => {
  daemon = await SharedDaemon.join();
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
  await sh(client, vm, "mkdir -p /srv/www && echo 'hello from the guest' > /srv/www/index.html");
  await sh(client, vm, "cd /srv/www && nohup python3 -m http.server 8000 >/dev/null 2>&1 &");
  await client.vms.run(vm, ["sh", "-c", `cat > /srv/live.py <<'END'\n${SERVER}\nEND`]);
  await sh(client, vm, "nohup python3 /srv/live.py >/dev/null 2>&1 &");
  files = await client.vms.services.register(vm, { name: "files", port: 8000 });
  live = await client.vms.services.register(vm, { name: "live", port: 9000 });
  await eventually(async () => expect((await get(files)).status).toBe(200), 30_000);
  await eventually(async () => expect((await get(live)).status).toBe(200), 30_000);
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

/** Sent to the daemon whatever the host name resolves to, as a load balancer in front of it would. */
async function open(service: Service, body?: string, path = ""): Promise<IncomingMessage> {
  const { host, pathname } = new URL(service.url ?? "");
  const method = body === undefined ? "GET" : "POST";
  const sent = httpRequest(new URL(pathname + path, daemon.url), {
    method,
    headers: { host },
    agent: false,
  }).end(body);
  return ((await once(sent, "response")) as [IncomingMessage])[0];
}

async function get(service: Service, body?: string) {
  const answer = await open(service, body);
  const text = Buffer.concat((await answer.toArray()) as Buffer[]).toString();
  return { status: answer.statusCode, headers: answer.headers, text };
}

test("names below localhost lead here for programs that ask the C library, as set-up has it", async () => {
  expect(["127.0.0.1", "::1"]).toContain((await lookup("web--1.proxy.localhost")).address);
});

test("files are served by the service's host name, and by its path", async () => {
  expect(await get(files)).toMatchObject({ status: 200, text: "hello from the guest\n" });
  const byPath = await fetch(files.pathUrl ?? "");
  expect(await byPath.text()).toBe("hello from the guest\n");
});

test("events arrive as they are sent", async () => {
  const answer = await open(live, undefined, "held");
  let text = "";
  for await (const bytes of answer) {
    text += String(bytes);
    // Nothing more is sent before this one is here.
    if (text.endsWith("\n\n")) await get(live, "go");
  }
  expect(text).toBe("data: 0\n\ndata: 1\n\ndata: 2\n\n");
});

test("a WebSocket carries messages both ways", async () => {
  const url = new URL(live.pathUrl ?? "");
  url.protocol = "ws:";
  const socket = new WebSocket(url);
  await once(socket, "open");
  for (const word of ["one", "two"]) {
    const answer = once(socket, "message") as Promise<[MessageEvent]>;
    socket.send(word);
    expect((await answer)[0].data).toBe(word + word);
  }
  socket.close();
});

test("a WebSocket whose client has ended its half ends, once the service has heard of it", async () => {
  const { hostname, port } = new URL(daemon.url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  const { host } = new URL(live.url ?? "");
  socket.write(
    `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n`,
  );
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 101 /);
  const ended = once(socket.resume(), "end", { signal: AbortSignal.timeout(20_000) });
  socket.end();
  await ended;
});

test("a port on which nobody listens is 502, with the guest's reason", async () => {
  const dead = await client.vms.services.register(vm, { name: "dead", port: 7999 });
  const answer = await get(dead);
  expect([answer.status, answer.headers["x-fastvm-proxy-error"]]).toEqual([502, "service_unreachable"]);
  expect(answer.text).toMatch(/refused/i);
});

test("a paused VM is 503, unless requests may wake it: then it wakes once and each gets its answer", async () => {
  await client.vms.pause(vm);
  const asleep = await get(files);
  expect([asleep.status, asleep.headers["retry-after"]]).toEqual([503, "5"]);
  expect(JSON.parse(asleep.text)).toMatchObject({
    code: "machine_paused_auto_resume_disabled",
    retryable: false,
  });
  expect((await client.vms.update(vm, { autoResume: true })).autoResume).toBe(true);
  const body = "x".repeat(1_000_000);
  const answers = await Promise.all([get(files), get(files), get(live, body), get(live, body)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(answers[2]?.text).toMatch(/^[0-9a-f]{64}$/);
  expect(answers[2]?.text).toBe(answers[3]?.text);
  expect((await client.vms.get(vm)).status).toBe("running");
});

test("a pause ends connections that are open, and deletion ends the service", async () => {
  const { hostname, port } = new URL(daemon.url);
  const socket = connect(Number(port), hostname);
  const { host } = new URL(live.url ?? "");
  socket.write(
    `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n`,
  );
  await once(socket, "data");
  const closed = new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve));
  socket.resume();
  await client.vms.pause(vm);
  await closed;
  await client.vms.delete(vm);
  expect((await get(files)).headers["x-fastvm-proxy-error"]).toBe("machine_not_found");
});
