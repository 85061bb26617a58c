/** Ports of this machine that lead to ports of a VM, by the API: no network between the two is needed, nor a rule of a firewall. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { WebSocket } from "ws";
import type { Published } from "../command-line/publish-option.ts";
import { remark } from "../output/print.ts";
import type { Session } from "../session.ts";
import { UserError } from "../user-error.ts";
import { joinSocket } from "./join-socket.ts";

interface Forward {
  /** As a browser takes it. */
  readonly local: string;
  readonly vmPort: number;
}

/** Listens until it is disposed of; what is open then is cut. */
export class Forwards implements AsyncDisposable {
  readonly list: Forward[] = [];
  readonly #servers: Server[] = [];
  readonly #open = new Set<Socket>();

  static async start(session: Session, vmId: string, ports: readonly Published[]): Promise<Forwards> {
    const forwards = new Forwards();
    try {
      for (const each of ports) await forwards.#listen(session, vmId, each);
      return forwards;
    } catch (error) {
      await forwards[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#open) socket.destroy();
  }

  async #listen(session: Session, vmId: string, { host, port, vmPort }: Published): Promise<void> {
    // The end of what a client sends is passed on, and its answer still comes.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
      socket.on("error", () => socket.destroy());
      carry(session, vmId, vmPort, socket);
    });
    server.listen(port, host);
    await once(server, "listening").catch((error: NodeJS.ErrnoException) => {
      throw new UserError(
        `Port ${port} of ${host} cannot be listened on: ${error.code ?? error.message}`,
        `Choose another, such as -p ${port < 1024 ? port + 8000 : port + 1}:${vmPort}, or 0:${vmPort} for any`,
      );
    });
    this.#servers.push(server);
    const bound = (server.address() as AddressInfo).port;
    this.list.push({ local: `${host.includes(":") ? `[${host}]` : host}:${bound}`, vmPort });
  }
}

const REASONS: Readonly<Record<number, string>> = {
  401: "the key does not open it",
  403: "the key may not run things in VMs",
  404: "there is no such VM, or the server is too old for ports",
  409: "the VM does not run",
  429: "too many connections",
  502: "nobody listens there",
};

function carry({ baseUrl, apiKey }: Session, vmId: string, vmPort: number, client: Socket): void {
  const url = `${baseUrl.replace(/\/+$/, "").replace(/^http/, "ws")}/v1/vms/${vmId}/ports/${vmPort}/ws`;
  const socket = new WebSocket(url, { headers: { "x-api-key": apiKey } });
  const refuse = (why: string): void => {
    remark(`fastvm: port ${vmPort} of the VM: ${why}`);
    client.destroy();
    socket.terminate();
  };
  socket.once("unexpected-response", (_, { statusCode = 0 }) =>
    refuse(REASONS[statusCode] ?? `status ${statusCode}`),
  );
  socket.once("error", (error) => refuse(error.message));
  client.once("close", () => {
    if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
  });
  socket.once("open", () => joinSocket(client, socket));
}
