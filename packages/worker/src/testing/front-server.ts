/** A server in front of a registry that passes on what a test lets it, and counts what was asked. */
import { once } from "node:events";
import { createServer, request as requestHttp } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** What is answered in place of the registry's answer; `undefined`: that. */
export type Interference = (
  request: IncomingMessage,
  response: ServerResponse,
  passOn: () => Promise<PassedOn>,
) => Promise<boolean> | boolean;

interface PassedOn {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export class FrontServer implements AsyncDisposable {
  readonly host: string;
  /** `GET /v2/…`, with the range that was wanted behind it. */
  readonly asked: string[] = [];
  /** What was shown to it. */
  readonly credentials = new Set<string>();
  readonly #server: Server;

  /** `interfere` returns whether it has answered. `backend`: host and port. */
  static async start(backend: string, interfere: Interference): Promise<FrontServer> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FrontServer(server, backend, interfere);
  }

  private constructor(server: Server, backend: string, interfere: Interference) {
    this.#server = server;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => {
      const { range, authorization } = request.headers;
      this.asked.push(`${request.method} ${request.url}${range === undefined ? "" : ` ${range}`}`);
      if (authorization !== undefined) this.credentials.add(authorization);
      const passOn = (): Promise<PassedOn> => ask(backend, request);
      // Whoever broke the connection off is what the test is about.
      void answer(request, response, passOn, interfere).catch(() => response.destroy());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  passOn: () => Promise<PassedOn>,
  interfere: Interference,
): Promise<void> {
  if (await interfere(request, response, passOn)) return;
  const { status, headers, body } = await passOn();
  response.writeHead(status, headers).end(body);
}

async function ask(backend: string, { method, url, headers }: IncomingMessage): Promise<PassedOn> {
  const sent = requestHttp(`http://${backend}${url}`, { method, headers: { ...headers, host: backend } });
  sent.end();
  const [found] = (await once(sent, "response")) as [IncomingMessage];
  return { status: found.statusCode ?? 0, headers: found.headers, body: await buffer(found) };
}
