/**
 * A program for tests that speaks and listens in one network namespace. Takes a JSON
 * object a line, `{id, op, …}`, and answers each with `{id, result}`; ends with its input.
 */
import { createSocket } from "node:dgram";
import type { Socket as DatagramSocket } from "node:dgram";
import { connect, createServer, isIPv6 } from "node:net";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";

type Protocol = "tcp" | "udp";

interface Request {
  readonly id: number;
  readonly op: "listen" | "reach" | "open" | "echo" | "heard" | "flood" | "scatter";
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  readonly from?: string;
  readonly name: string;
  readonly timeoutMs: number;
  readonly size: number;
}

const heard: { from: string; bytes: number }[] = [];
const connections = new Map<string, Socket>();

function listen({ protocol, address, port }: Request): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (protocol === "tcp") {
      const server = createServer((socket) => socket.on("error", () => undefined).pipe(socket));
      server.once("error", reject).listen(port, address, () => resolve(true));
      return;
    }
    const socket = datagrams(address);
    socket.on("message", (message, { address: from, port: fromPort }) => {
      heard.push({ from, bytes: message.length });
      if (message.length < 100) socket.send(message, fromPort, from);
    });
    socket.once("error", reject).bind(port, address, () => resolve(true));
  });
}

/** Whether one word comes back. */
function reach(request: Request): Promise<unknown> {
  return request.protocol === "tcp" ? reachByTcp(request) : reachByUdp(request);
}

async function reachByTcp(request: Request): Promise<boolean> {
  const socket = dial(request);
  const isReached = await echoes(socket, request.timeoutMs);
  socket.destroy();
  return isReached;
}

function dial({ address, port, from }: Request): Socket {
  const socket = connect({ host: address, port, ...(from === undefined ? {} : { localAddress: from }) });
  return socket.on("error", () => undefined);
}

function echoes(socket: Socket, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (isReached: boolean): void => {
      stopClock();
      socket.off("data", onData).off("close", onClose);
      resolve(isReached);
    };
    const onData = (): void => finish(true);
    const onClose = (): void => finish(false);
    const stopClock = afterInput(timeoutMs, () => finish(false));
    socket.on("data", onData).on("close", onClose).write("word");
  });
}

function reachByUdp({ address, port, from, timeoutMs }: Request): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = datagrams(address);
    const finish = (isReached: boolean): void => {
      stopClock();
      socket.close();
      resolve(isReached);
    };
    const stopClock = afterInput(timeoutMs, () => finish(false));
    socket.on("error", () => undefined).on("message", () => finish(true));
    socket.bind(0, from, () => socket.send("word", port, address, () => undefined));
  });
}

/** After a time, and after what had come by then: timers that are due run before Node looks for input. Returns what stops it. */
function afterInput(ms: number, act: () => void): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    immediate = setImmediate(act);
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}

/** Sends what it can of one size for a while, and tells how many. */
async function flood({ address, port, size, timeoutMs }: Request): Promise<number> {
  const socket = datagrams(address).on("error", () => undefined);
  const until = Date.now() + timeoutMs;
  const message = Buffer.alloc(size);
  let sent = 0;
  while (Date.now() < until) {
    await new Promise<void>((resolve) => socket.send(message, port, address, () => resolve()));
    sent++;
  }
  socket.close();
  return sent;
}

/** A word to each port from one on. */
async function scatter({ address, port, size: count }: Request): Promise<boolean> {
  const socket = datagrams(address).on("error", () => undefined);
  for (let at = 0; at < count; at++) {
    await new Promise<void>((resolve) => socket.send("word", port + at, address, () => resolve()));
  }
  socket.close();
  return true;
}

function datagrams(address: string): DatagramSocket {
  return createSocket(isIPv6(address) ? "udp6" : "udp4");
}

async function open(request: Request): Promise<boolean> {
  const socket = dial(request);
  connections.set(request.name, socket);
  return await echoes(socket, request.timeoutMs);
}

async function echo({ name, timeoutMs }: Request): Promise<boolean> {
  const socket = connections.get(name);
  return socket !== undefined && !socket.destroyed && (await echoes(socket, timeoutMs));
}

const OPERATIONS: Readonly<Record<Request["op"], (request: Request) => Promise<unknown>>> = {
  listen,
  reach,
  open,
  echo,
  flood,
  scatter,
  heard: () => Promise.resolve(heard.splice(0)),
};

async function answer(line: string): Promise<void> {
  const request = JSON.parse(line) as Request;
  let result: unknown;
  try {
    result = await OPERATIONS[request.op](request);
  } catch (error) {
    result = String(error);
  }
  process.stdout.write(`${JSON.stringify({ id: request.id, result })}\n`);
}

createInterface({ input: process.stdin })
  .on("line", (line) => void answer(line))
  .on("close", () => process.exit(0));
