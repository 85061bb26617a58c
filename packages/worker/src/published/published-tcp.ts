/** A TCP port of the host that leads into a VM. Whom the policy denies gets a reset, and so does whoever finds nobody in the VM. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { mayConnect } from "./may-connect.ts";
import type { ListenerOptions } from "./listener-options.ts";

/** Of one port at once: each costs a stream of the guest's link, which has 1,024. */
const MAX_CONNECTIONS = 512;
const BACKLOG = 1024;

export class PublishedTcp {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    // What comes before the VM has answered waits in the socket.
    const settings = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true };
    this.#server = createServer(settings, (socket) => void this.#carry(socket));
  }

  async listen(): Promise<void> {
    const { address, hostPort } = this.#options.port;
    this.#server.listen({ host: address, port: hostPort, backlog: BACKLOG, ipv6Only: address.includes(":") });
    await once(this.#server, "listening");
    // Whatever goes wrong with a connection to come is not the daemon's end.
    this.#server.on("error", () => undefined);
  }

  judge(): void {
    for (const socket of this.#sockets) if (!this.#isAllowed(socket)) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  #isAllowed({ remoteAddress = "" }: Socket): boolean {
    const { port, publication } = this.#options;
    const now = publication();
    return now !== undefined && mayConnect(now, port, remoteAddress);
  }

  async #carry(socket: Socket): Promise<void> {
    socket.on("error", () => undefined);
    if (!this.#isAllowed(socket) || this.#sockets.size >= MAX_CONNECTIONS) {
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.add(socket);
    try {
      const guest = await this.#options.dial();
      if (socket.destroyed) guest.destroy();
      await Promise.all([pipeline(socket, guest), pipeline(guest, socket)]);
    } catch {
      socket.resetAndDestroy();
    } finally {
      this.#sockets.delete(socket);
    }
  }
}
