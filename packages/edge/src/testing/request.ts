/** Requests of tests: through Node's client with any Host, or byte by byte. */
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { connect } from "node:net";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

interface TestRequest extends RequestOptions {
  readonly host?: never;
  readonly vhost?: string;
  readonly body?: string | Buffer;
}

/** The whole answer. `vhost` is the Host header. */
export async function send(
  url: string,
  { vhost, body, headers, ...options }: TestRequest = {},
): Promise<Answer> {
  const message = await open(url, {
    ...(vhost === undefined ? {} : { vhost }),
    body: body ?? "",
    headers,
    ...options,
  });
  const chunks = await message.toArray();
  return {
    status: message.statusCode ?? 0,
    headers: message.headers,
    body: Buffer.concat(chunks as Buffer[]).toString(),
  };
}

/** The answer as soon as its headers are there. */
export async function open(
  url: string,
  { vhost, body, headers, ...options }: TestRequest,
): Promise<IncomingMessage> {
  const host = vhost === undefined ? {} : { Host: vhost };
  const sent = httpRequest(url, {
    ...options,
    headers: { ...host, ...(headers as Record<string, string>) },
    agent: false,
  });
  sent.end(body ?? "");
  const answered = once(sent, "response");
  // After its answer, an upload may end as it likes.
  sent.on("error", () => undefined);
  const [message] = (await answered) as [IncomingMessage];
  return message;
}

/** How long a busy machine may take to begin an answer. */
const PATIENCE_MS = 10_000;

/** All that comes back for exactly these bytes, until the other end closes, or has begun to answer and is silent for a while. */
export async function sendBytes(port: number, bytes: string, silenceMs = 300): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let received = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    received += chunk;
    socket.setTimeout(silenceMs);
  });
  socket.on("error", () => undefined).setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.write(bytes, "latin1");
  // Also by an error: what was received counts.
  await new Promise((resolve) => socket.once("close", resolve));
  return received;
}
