/**
 * The API's port, taken before anything else is begun, so that a second daemon, or one whose port somebody
 * else has, fails at once and changes nothing. Who connects before the API is there waits for it.
 */
import { once } from "node:events";
import { createServer, Server, type Socket } from "node:net";

/** Probes and clients that came early; more are better refused than kept. */
const MAX_WAITING = 256;

export interface BoundPort {
  readonly port: number;
  /** Hands the port, and whoever waits, over to the server; this object is used up then. */
  listen(server: Server): void;
  /** For a daemon that could not start. Does nothing once the port was handed over. */
  close(): void;
}

/** Port 0 is one that is free. Rejects with Node's error where it cannot be had. */
export async function bindPort(host: string, port: number): Promise<BoundPort> {
  const waiting = new Set<Socket>();
  function drop(this: Socket): void {
    this.destroy();
  }
  function forget(this: Socket): void {
    waiting.delete(this);
  }
  const holder = createServer({ pauseOnConnect: true }, (socket) => {
    if (waiting.size >= MAX_WAITING) {
      socket.destroy();
      return;
    }
    waiting.add(socket);
    socket.on("error", drop).on("close", forget);
  });
  holder.listen(port, host);
  await once(holder, "listening");
  const address = holder.address();
  if (address === null || typeof address === "string") throw new Error(`${host} has no port to listen on`);
  let isHandedOver = false;
  return {
    port: address.port,
    listen: (server) => {
      isHandedOver = true;
      // Both share the socket from here on; the kernel's next connections are the server's.
      Server.prototype.listen.call(server, holder);
      for (const socket of waiting) {
        socket.off("error", drop).off("close", forget);
        server.emit("connection", socket);
        socket.resume();
      }
      waiting.clear();
    },
    close: () => {
      if (isHandedOver) return;
      holder.close();
      for (const socket of waiting) socket.destroy();
    },
  };
}
