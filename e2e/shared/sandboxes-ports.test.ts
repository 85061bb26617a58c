/** Ports of the host that lead into a sandbox, TCP and UDP, and whom its policy keeps out, against a real VM. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createKey } from "@fastvm/daemon";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/free-port.ts";
import { SharedDaemon } from "../harness/shared-daemon.ts";

/** On a machine that may be busy with others. */
const TIMEOUT_MS = 400_000;
/** Of which there is a template already: one of a size of its own takes a boot. */
const MEMORY_MIB = 2048;
const NAME = "published";

/** What listens on the loopback of the guest alone; both say what they were told. */
const SERVERS = `
import socket, socketserver, threading

class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"tcp " + self.rfile.readline())

class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(b"udp " + self.request[0], self.client_address)

udp = socketserver.UDPServer(("127.0.0.1", 5353), Datagram)
threading.Thread(target=udp.serve_forever).start()
socketserver.ThreadingTCPServer(("127.0.0.1", 8080), Stream).serve_forever()
`;

let daemon: SharedDaemon;
let key: string;
let ports: { open: number; closed: number; datagrams: number };

interface Answered {
  id: string;
  status: string;
  last_failure_message: string | null;
}

async function ask(method: string, path: string, body?: object): Promise<Answered> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(`${daemon.url}${path}`, { method, headers, ...init });
  return (await answer.json()) as Answered;
}

const specOf = (name: string) => ({
  name,
  image: { Oci: { reference: "base" } },
  resources: { cpus: 1, memory_mib: MEMORY_MIB },
  lifecycle: { ephemeral: false, max_duration_secs: null, idle_timeout_secs: null },
  network: {
    enabled: true,
    ports: [
      { host_port: ports.open, guest_port: 8080, protocol: "tcp", host_bind: "127.0.0.1" },
      { host_port: ports.closed, guest_port: 8081, protocol: "tcp", host_bind: "127.0.0.1" },
      { host_port: ports.datagrams, guest_port: 5353, protocol: "udp", host_bind: "127.0.0.1" },
    ],
    policy: {
      default_egress: "deny",
      default_ingress: "allow",
      rules: [
        {
          direction: "ingress",
          destination: { group: "loopback" },
          protocols: ["tcp"],
          ports: [{ start: 8081, end: 8081 }],
          action: "deny",
        },
      ],
    },
  },
});

async function start(name: string): Promise<Answered> {
  const path = "/v1/sandboxes?start=true&wait_for=running&wait_timeout=90";
  let now = await ask("POST", path, specOf(name));
  while (now.status === "starting") now = await ask("GET", `/v1/sandboxes/${now.id}`);
  return now;
}

beforeAll(async () => {
  daemon = await SharedDaemon.join();
  // Of the first organisation, whose the host is.
  ({ key } = await createKey(daemon.dataDir, { api: "microsandbox" }));
  ports = { open: await freePort(), closed: await freePort(), datagrams: await freePort() };
}, TIMEOUT_MS);

afterAll(async () => {
  for (const name of [NAME, "late"]) await ask("DELETE", `/v1/sandboxes/by-name/${name}`);
  await daemon?.[Symbol.asyncDispose]();
});

async function said(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write("hello\n");
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}

async function echoed(port: number): Promise<string> {
  const socket = createSocket("udp4");
  try {
    const answer = once(socket, "message", { signal: AbortSignal.timeout(1000) });
    socket.send("hello", port, "127.0.0.1");
    return String((await answer)[0]);
  } finally {
    socket.close();
  }
}

test("TCP and UDP reach what listens on the sandbox's loopback, the denied are reset, and with its end it is over", async () => {
  const made = await start(NAME);
  expect(made).toMatchObject({ status: "running" });
  const { key: own } = await createKey(daemon.dataDir, {});
  const exec = `/v1/vms/${made.id}/exec`;
  const headers = { "x-api-key": own, "content-type": "application/json" };
  const command = ["sh", "-c", `nohup python3 -c '${SERVERS}' >/dev/null 2>&1 &`];
  const begun = await fetch(`${daemon.url}${exec}`, {
    method: "POST",
    headers,
    body: JSON.stringify({ command }),
  });
  expect(begun.status).toBe(200);
  await eventually(async () => expect(await said(ports.open)).toBe("tcp hello\n"), 30_000);
  await eventually(async () => expect(await echoed(ports.datagrams)).toBe("udp hello"), 10_000);
  await expect(said(ports.closed)).rejects.toMatchObject({ code: "ECONNRESET" });
  // What the first has a second cannot have.
  expect(await start("late")).toMatchObject({
    status: "failed",
    last_failure_message: expect.stringContaining(`port ${ports.open} of 127.0.0.1 (tcp) is taken`) as string,
  });
  await ask("DELETE", `/v1/sandboxes/by-name/${NAME}`);
  await expect(said(ports.open)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});
