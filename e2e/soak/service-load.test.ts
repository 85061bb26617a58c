/**
 * Much at once through the proxy into real VMs: large bodies with flat memory, a thousand
 * requests to ten VMs, and slow ones that hold up nobody.
 */
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Service, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { peakMib, startPeak } from "../harness/memory.ts";

const MIB = 1024 * 1024;
/** Enough to see something grow in some seconds. FASTVM_TEST_PROXY_MIB=1024 takes a minute and a half. */
const SIZE_MIB = Number(process.env["FASTVM_TEST_PROXY_MIB"] ?? 128);
/** An emulated guest takes some 20 MiB a second, and fewer when the machine is busy. */
const TRANSFER_TIMEOUT_MS = 2 * SIZE_MIB * 250 + 60_000;
const FLAT_MIB = 100;
const VMS = 10;
const REQUESTS = 1000;

/**
 * `/bytes/N` sends so many, `/count` tells how many it got, `/hold` waits before it tells
 * its host name, `/deaf` reads nothing and says nothing.
 */
const SERVER = `
import asyncio, socket
BLOCK = b"x" * 262144
async def serve(reader, writer):
    try:
        head = (await reader.readuntil(b"\\r\\n\\r\\n")).decode("latin1")
        _, path, _ = head.split(" ", 2)
        fields = dict(line.lower().split(": ", 1) for line in head.split("\\r\\n")[1:] if line)
        if path == "/deaf":
            await asyncio.sleep(600)
        elif path.startswith("/bytes/"):
            left = int(path[7:])
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % left)
            while left > 0:
                writer.write(BLOCK[:left])
                left -= min(left, len(BLOCK))
                await writer.drain()
        else:
            got = 0
            while got < int(fields.get("content-length", 0)):
                data = await reader.read(262144)
                if not data: return
                got += len(data)
            if path.startswith("/hold"): await asyncio.sleep(2)
            body = (str(got) if path == "/count" else socket.gethostname() + path).encode()
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 8000, backlog=1024, limit=1 << 20)
    await server.serve_forever()
asyncio.run(main())
`;

let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;
let service: Service;

beforeAll(async () => {
  daemon = await TestDaemon.start({ poolSize: 0 });
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2", name: "load" });
  await sh(client, vm, `cat >/srv/load.py <<'END'\n${SERVER}\nEND`);
  await sh(client, vm, "nohup python3 /srv/load.py >/dev/null 2>&1 &");
  service = await client.vms.services.register(vm, { name: "load", port: 8000 });
  await eventually(async () => expect(await text(service, "/ready")).toBe("load/ready"), 30_000);
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

interface SendOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, number>>;
}

function send(to: Service, path: string, { method = "GET", headers = {} }: SendOptions = {}) {
  const { host } = new URL(to.url ?? "");
  return httpRequest(new URL(path, daemon.url), { method, headers: { host, ...headers }, agent: false });
}

async function text(to: Service, path: string): Promise<string> {
  const [answer] = (await once(send(to, path).end(), "response")) as [IncomingMessage];
  return Buffer.concat((await answer.toArray()) as Buffer[]).toString();
}

test(
  `${SIZE_MIB} MiB each way leave the daemon's memory flat`,
  async () => {
    const pid = await daemon.pid();
    const transfer = async (bytes: number): Promise<void> => {
      const block = Buffer.alloc(256 * 1024, 1);
      const upload = send(service, "/count", { method: "POST", headers: { "content-length": bytes } });
      const answered = once(upload, "response") as Promise<[IncomingMessage]>;
      for (let left = bytes; left > 0; left -= block.length) {
        if (!upload.write(block.subarray(0, Math.min(left, block.length)))) await once(upload, "drain");
      }
      upload.end();
      const [counted] = await answered;
      expect(Buffer.concat((await counted.toArray()) as Buffer[]).toString()).toBe(String(bytes));
      const [answer] = (await once(send(service, `/bytes/${bytes}`).end(), "response")) as [IncomingMessage];
      let received = 0;
      for await (const chunk of answer as AsyncIterable<Buffer>) received += chunk.length;
      expect(received).toBe(bytes);
    };
    await transfer(32 * MIB);
    const before = await startPeak(pid);
    await transfer(SIZE_MIB * MIB);
    expect((await peakMib(pid)) - before).toBeLessThan(FLAT_MIB);
  },
  TRANSFER_TIMEOUT_MS,
);

test("a client that reads nothing and a service that reads nothing hold up nobody else", async () => {
  const { hostname, port } = new URL(daemon.url);
  const { host } = new URL(service.url ?? "");
  const slow = connect(Number(port), hostname).pause();
  slow.write(`GET /bytes/${1024 * MIB} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const deaf = send(service, "/deaf", { method: "POST", headers: { "content-length": 64 * MIB } });
  deaf.on("error", () => undefined);
  // As much as anybody takes: what is under way between here and there is bounded.
  while (deaf.write(Buffer.alloc(MIB)) || (await drains(deaf))) if (deaf.writableLength > 64 * MIB) break;
  for (let round = 0; round < 20; round++) {
    expect(await text(service, `/quick/${round}`)).toBe(`load/quick/${round}`);
  }
  slow.destroy();
  deaf.destroy();
});

/** Whether it takes more within a second. */
async function drains(stream: NodeJS.EventEmitter): Promise<boolean> {
  const signal = AbortSignal.timeout(1000);
  return await once(stream, "drain", { signal }).then(
    () => true,
    () => false,
  );
}

test(`${REQUESTS} requests to ${VMS} VMs at once each get their own VM's answer`, async () => {
  const { children } = await client.vms.fork(vm, { count: VMS - 1 });
  const vms = [vm, ...children.flatMap((child) => child.vm ?? [])];
  expect(vms).toHaveLength(VMS);
  // Services go along with a fork, and so does the program behind them.
  const services = await Promise.all(
    vms.map(async (one) => (await client.vms.services.list(one)).find(({ name }) => name === "load")),
  );
  const metric = async (): Promise<number> => {
    return Number(/^fastvm_proxy_open_requests (\d+)$/m.exec(await daemon.metrics())?.[1]);
  };
  let most = 0;
  // One that comes to nothing is as if it had not been asked.
  const ask = () => metric().then((open) => (most = Math.max(most, open)));
  const watch = setInterval(() => void ask().catch(() => undefined), 200);
  const answers = await Promise.all(
    Array.from({ length: REQUESTS }, async (_, at) => {
      const to = services[at % VMS];
      return to === undefined ? undefined : await text(to, `/hold/${at}`);
    }),
  ).finally(() => clearInterval(watch));
  expect(answers).toEqual(answers.map((_, at) => `${vms[at % VMS]?.name}/hold/${at}`));
  expect(most).toBeGreaterThan(REQUESTS / 3);
});
