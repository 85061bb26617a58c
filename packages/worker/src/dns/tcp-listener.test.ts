/** Conversations by TCP that end as they should, and those that would never end. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { exchangeTcp, framed, queryFor, read } from "../testing/dns-client.ts";
import { DnsUpstream } from "../testing/dns-upstream.ts";
import { Resolver, type ResolverOptions } from "./resolver.ts";

let disposables = new AsyncDisposableStack();
afterEach(async () => {
  await disposables.disposeAsync();
  disposables = new AsyncDisposableStack();
});

async function serve(options: ResolverOptions = {}): Promise<number> {
  const upstream = disposables.use(
    await DnsUpstream.start(({ name }) => ({
      answers: [{ name, type: "A", data: "93.184.216.34", ttl: 60 }],
    })),
  );
  const resolver = disposables.use(Resolver.open({ upstreams: [upstream.address], ...options }));
  const guest = {
    policy: () => ({ mode: "deny" as const, domains: [], blockBypass: false }),
    allowsAddress: () => false,
    learn: () => Promise.resolve(),
  };
  return (await resolver.serve({ address: "127.0.0.1", port: 0, guest })).port;
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** However it ends: a reset is as good as a farewell. */
function closed(socket: Socket): Promise<void> {
  socket.resume();
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}

test("several questions on one connection are answered in order", async () => {
  const port = await serve();
  const answers = await exchangeTcp(
    port,
    [1, 2, 3].map((id) => queryFor(`n${id}.test`, { id })),
  );
  expect(answers.map((answer) => read(answer).packet.id)).toEqual([1, 2, 3]);
});

test("a question may come byte by byte, and the client may be done after it", async () => {
  const socket = await open(await serve());
  for (const byte of framed(queryFor("a.test"))) socket.write(Buffer.from([byte]));
  socket.end();
  const received: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) received.push(chunk);
  expect(read(Buffer.concat(received).subarray(2)).data).toEqual(["93.184.216.34"]);
});

test("a message that is too large ends the connection, garbage is answered", async () => {
  const port = await serve();
  const socket = await open(port);
  socket.write(Buffer.from([0xff, 0xff]));
  await closed(socket);
  const [answer] = await exchangeTcp(port, [Buffer.alloc(20)]);
  expect(answer && answer.readUInt16BE(2) & 0xf).toBe(1);
});

test("trickling bytes does not keep a connection open", async () => {
  const socket = await open(await serve({ tcp: { idleMs: 300, maxConnections: 16 } }));
  const trickle = setInterval(() => socket.write(Buffer.from([0])), 100);
  const startMs = performance.now();
  socket.write(Buffer.from([1, 0]));
  await closed(socket);
  clearInterval(trickle);
  expect(performance.now() - startMs).toBeLessThan(3000);
});

test("over the rate the connection ends", async () => {
  const port = await serve({ rate: { perSecond: 0.001, burst: 2 } });
  expect(
    await exchangeTcp(
      port,
      Array.from({ length: 5 }, () => queryFor("a.test")),
    ),
  ).toHaveLength(2);
});

test("connections of one VM are bounded", async () => {
  const port = await serve({ tcp: { idleMs: 10_000, maxConnections: 2 } });
  const first = await open(port);
  await open(port);
  const third = await open(port);
  await closed(third);
  first.destroy();
  await expect
    .poll(async () => (await exchangeTcp(port, [queryFor("a.test")]).catch(() => [])).length)
    .toBe(1);
});

test("closing the service ends its connections", async () => {
  const socket = await open(await serve());
  const ended = closed(socket);
  await disposables.disposeAsync();
  disposables = new AsyncDisposableStack();
  await ended;
});
