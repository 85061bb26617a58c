/** Ports of the host, over real sockets, with echoes in place of a VM's. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { duplexPair, type Duplex } from "node:stream";
import type { PeerRule, Publication, PublishedPort } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PublishedPorts } from "./published-ports.ts";

const LOOPBACK: PeerRule = { action: "deny", peers: ["127.0.0.0/8"], protocols: [], ports: [] };

let dialled: PublishedPort[];
let published: PublishedPorts;
let port: PublishedPort;

beforeEach(async () => {
  dialled = [];
  published = new PublishedPorts(async (to) => {
    dialled.push(to);
    if (to.guestPort === 81) throw new Error("nobody listens");
    return echo();
  }, []);
  port = { address: "127.0.0.1", hostPort: await freePort(), guestPort: 80, protocol: "tcp" };
});
afterEach(() => published.close());

function echo(): Duplex {
  const [near, far] = duplexPair();
  far.pipe(far);
  return near;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return free;
}

const to = (...ports: PublishedPort[]): Publication => ({ ports, default: "allow", rules: [] });

async function connected(): Promise<Socket> {
  const socket = connect(port.hostPort, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

/** How a connection ends that nothing is let through, which may be before it is known to stand. */
async function endOf(socket = connect(port.hostPort, "127.0.0.1")): Promise<string> {
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  return error.code ?? "";
}

test("bytes go through, both ways and to the last, and each half ends by itself", async () => {
  await published.set(to(port));
  const socket = await connected();
  socket.end("x".repeat(300_000));
  let bytes = 0;
  for await (const chunk of socket) bytes += (chunk as Buffer).length;
  expect(bytes).toBe(300_000);
  expect(dialled).toEqual([port]);
});

test("whom a rule denies is reset, and the VM hears nothing of it; a later change cuts what is open", async () => {
  await published.set({ ...to(port), rules: [LOOPBACK] });
  expect(await endOf()).toBe("ECONNRESET");
  expect(dialled).toEqual([]);
  await published.set(to(port));
  const socket = await connected();
  socket.write("through");
  await once(socket, "data");
  const other: PeerRule = { ...LOOPBACK, ports: [{ first: 1, last: 79 }] };
  await published.set({ ...to(port), rules: [other] });
  socket.write("still");
  await once(socket, "data");
  await published.set({ ...to(port), rules: [{ ...other, action: "allow" }], default: "deny" });
  expect(await endOf(socket)).toBe("ECONNRESET");
});

test("where nobody listens in the VM the connection is reset", async () => {
  await published.set(to({ ...port, guestPort: 81 }));
  expect(await endOf()).toBe("ECONNRESET");
});

test("a port that is taken, or of another address, is refused, and what there was stays", async () => {
  await published.set(to(port));
  const other = new PublishedPorts(() => Promise.resolve(echo()), []);
  const free = { ...port, hostPort: await freePort() };
  await expect(other.set(to(free, port))).rejects.toMatchObject({
    code: "conflict",
    field: "ports",
    message: expect.stringContaining("is taken") as string,
  });
  // Nothing is left of what it could have had.
  await published.set(to(port, free));
  await expect(published.set(to(port, { ...free, address: "0.0.0.0" }))).rejects.toMatchObject({
    code: "invalid_request",
    message: expect.stringContaining("--publish-address") as string,
  });
  (await connected()).destroy();
  await published.close();
  await expect(connected()).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("datagrams stay what they are, for each peer by itself, and those of the denied are gone", async () => {
  await published.set(to({ ...port, protocol: "udp" }));
  const peers = await Promise.all(
    ["one", "two"].map(async (name) => {
      const socket = createSocket("udp4");
      socket.connect(port.hostPort, "127.0.0.1");
      await once(socket, "connect");
      socket.send(name);
      socket.send("");
      const got = [(await once(socket, "message"))[0], (await once(socket, "message"))[0]] as Buffer[];
      expect(got.map(String)).toEqual([name, ""]);
      return socket;
    }),
  );
  expect(dialled).toHaveLength(2);
  await published.set({ ...to({ ...port, protocol: "udp" }), rules: [LOOPBACK] });
  peers[0]?.send("more");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(dialled).toHaveLength(2);
  for (const socket of peers) socket.close();
});

test("a peer that comes again after it was denied keeps its socket in the VM when its former one ends", async () => {
  const ends: Duplex[] = [];
  let endFirst = (): void => undefined;
  await using undo = new AsyncDisposableStack();
  const dial = async (): Promise<Duplex> => {
    const near = echo();
    // What leads into a VM ends some time after it was told to.
    if (ends.length === 0) near._destroy = (_error, done) => void (endFirst = () => done(null));
    ends.push(near);
    return near;
  };
  const udp = { ...port, protocol: "udp" as const };
  const ports = new PublishedPorts(dial, []);
  undo.defer(() => ports.close());
  const socket = createSocket("udp4");
  undo.defer(() => void socket.close());
  socket.connect(port.hostPort, "127.0.0.1");
  await once(socket, "connect");
  const asked = async (): Promise<void> => {
    socket.send("again");
    await once(socket, "message");
  };
  await ports.set(to(udp));
  await asked();
  await ports.set({ ...to(udp), rules: [LOOPBACK] });
  await ports.set(to(udp));
  await asked();
  const [first, second] = ends;
  const closed = once(first ?? socket, "close");
  endFirst();
  await closed;
  await asked();
  expect(ends).toHaveLength(2);
  expect(second?.destroyed).toBe(false);
});
