/** A VM's questions by TCP: two bytes of length before each message, several on one connection, answered one after the other. */
import { createServer, type Server, type Socket } from "node:net";
import type { GuestService } from "./guest-service.ts";
import { MAX_QUERY_BYTES } from "./header-guard.ts";
import type { ListenAddress, Listener } from "./udp-listener.ts";

export interface TcpOptions {
  /** From one answer to the next question, whole. Trickling bytes does not extend it. */
  readonly idleMs: number;
  /** Of one guest at a time; more are closed at once. */
  readonly maxConnections: number;
}

/** As long as answering may take, and some seconds for the client. */
export const DEFAULT_TCP_OPTIONS: TcpOptions = { idleMs: 10_000, maxConnections: 16 };

/** Rejects when the address cannot be bound. */
export async function listenTcp(
  at: ListenAddress,
  service: GuestService,
  options: TcpOptions,
): Promise<Listener> {
  const connections = new Set<Socket>();
  // Clients may close their side after the last question and still want the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (at.client !== undefined && socket.remoteAddress !== at.client) {
      socket.destroy();
      return;
    }
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    socket.on("error", () => {});
    void converse(socket, service, options.idleMs);
  });
  server.maxConnections = options.maxConnections;
  await bound(server, at);
  server.on("error", () => {});
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : at.port,
    close: () => {
      for (const socket of connections) socket.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** Ends the connection when the client does, breaks the rules, or is idle. */
async function converse(socket: Socket, service: GuestService, idleMs: number): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), idleMs);
  try {
    let pending: Buffer = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      for (;;) {
        const message = firstMessage(pending);
        if (message === "too large") return;
        if (message === undefined) break;
        pending = pending.subarray(2 + message.length);
        timer.refresh();
        const answer = await service.answer(message, "tcp");
        if (answer === undefined) return;
        await written(socket, answer);
        timer.refresh();
      }
    }
    socket.end();
  } catch {
    // The connection broke; `finally` is all there is to do.
  } finally {
    clearTimeout(timer);
    if (!socket.writableEnded) socket.destroy();
  }
}

function firstMessage(pending: Buffer): Buffer | "too large" | undefined {
  if (pending.length < 2) return undefined;
  const length = pending.readUInt16BE(0);
  if (length > MAX_QUERY_BYTES) return "too large";
  return pending.length >= 2 + length ? pending.subarray(2, 2 + length) : undefined;
}

/** Resolves when the kernel took it, so that a client that reads nothing is asked nothing either, until it is idle for too long. */
function written(socket: Socket, answer: Buffer): Promise<void> {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(answer.length);
  return new Promise((resolve, reject) => {
    socket.write(Buffer.concat([length, answer]), (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

function bound(server: Server, { address, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
