/** Somebody's server that webhooks are sent to, which answers as a test wants. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answering = (answer: ServerResponse, received: Received, request: IncomingMessage) => void;

export class Receiver implements AsyncDisposable {
  readonly url: string;
  readonly received: Received[] = [];
  answering: Answering;
  readonly #close: () => Promise<void>;

  static async start(
    answering: Answering = (answer) => void answer.writeHead(204).end(),
    host = "127.0.0.1",
  ): Promise<Receiver> {
    const server = createServer((request, answer) => {
      void bodyOf(request).then((body) => {
        const received = { path: request.url ?? "", headers: request.headers, body };
        receiver.received.push(received);
        receiver.answering(answer, received, request);
      });
    });
    server.listen(0, host);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const receiver: Receiver = new Receiver(`http://${host}:${port}/told`, answering, async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    });
    return receiver;
  }

  private constructor(url: string, answering: Answering, close: () => Promise<void>) {
    this.url = url;
    this.answering = answering;
    this.#close = close;
  }

  /** `create succeeded`, in the order in which they came. */
  get words(): readonly string[] {
    return this.received.map(({ body }) => {
      const { event } = JSON.parse(body) as { event: { operation: string; status: string } };
      return `${event.operation} ${event.status}`;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

/** Sends its headers byte by byte, without an end. */
export function trickle(...[, , request]: Parameters<Answering>): void {
  const { socket } = request;
  socket.write("HTTP/1.1 200 OK\r\nx: ");
  const timer = setInterval(() => socket.write("y"), 5);
  socket.on("close", () => clearInterval(timer)).on("error", () => undefined);
}

/** Sends more headers than anybody reads. */
export function endless(...[, , request]: Parameters<Answering>): void {
  request.socket.on("error", () => undefined).write(`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(10_000)}`);
}
