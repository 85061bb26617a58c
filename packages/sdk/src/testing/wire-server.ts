/** A real HTTP server that a test scripts: it plays the API's wire, down to the timing of single chunks. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface SeenRequest {
  readonly method: string;
  /** Path and query as sent, still encoded. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export type WireHandler = (request: SeenRequest, response: ServerResponse) => void | Promise<void>;

export class WireServer implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  #handlers: WireHandler[];

  private constructor(handlers: readonly WireHandler[]) {
    this.#handlers = [...handlers];
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Each request takes the next handler; the last one answers all that follow. */
  static async start(...handlers: readonly WireHandler[]): Promise<WireServer> {
    const server = new WireServer(handlers);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    // A TCP server's address is never a string.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = incoming;
    const request = { method, url, headers, body: Buffer.concat(await incoming.toArray()).toString() };
    this.requests.push(request);
    const handler = this.#handlers.length > 1 ? this.#handlers.shift() : this.#handlers[0];
    await handler?.(request, response);
  }
}

/** Answers with JSON. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): WireHandler {
  return (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

export const NEVER: WireHandler = () => undefined;

export const VM = {
  id: "0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001",
  name: "dev",
  orgId: "5f1c5c3c-6c2f-4c8e-8d0e-1f6a8b2c3d4e",
  machineName: "c1m2",
  cpu: 1,
  memoryMiB: 2048,
  diskGiB: 10,
  status: "running",
  createdAt: "2026-11-22T12:00:00.000Z",
};

export const SNAPSHOT = {
  id: "7d1f9a44-1111-4c8e-8d0e-1f6a8b2c3d4e",
  name: "ready-to-go",
  orgId: VM.orgId,
  vmId: VM.id,
  status: "ready",
  createdAt: "2026-11-22T12:01:00.000Z",
};
