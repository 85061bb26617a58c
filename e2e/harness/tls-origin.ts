/**
 * A server of the world that speaks HTTPS, HTTP/1.1 and HTTP/2, and tells what it was sent: the request line, its fields, and its body's
 * length, digest and beginning. As a program: `tls-origin.ts <options in JSON>`; it says `ready` and runs until its input ends.
 */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join, normalize } from "node:path";
import { createSecureServer } from "node:http2";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

export interface OriginOptions {
  readonly address: string;
  readonly port: number;
  /** Answers with its files, in place of what it was sent. */
  readonly folder?: string;
  /** Values of fields only by their SHA-256, so that who asks does not learn what it did not send. */
  readonly digests?: boolean;
  /** Files; absent: in the clear. */
  readonly cert?: string;
  readonly key?: string;
}

/** What it answers with. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly version: string;
  /** Name and value in turn. */
  readonly headers: readonly string[];
  readonly bytes: number;
  readonly sha256: string;
  readonly body: string;
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

const SHOWN_BYTES = 4096;

async function answer(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): Promise<void> {
  if (options.folder !== undefined) return answerFile(options.folder, request, response);
  const digest = createHash("sha256");
  let bytes = 0;
  let shown = "";
  for await (const chunk of request as AsyncIterable<Buffer>) {
    digest.update(chunk);
    bytes += chunk.length;
    if (shown.length < SHOWN_BYTES) shown += chunk.toString("latin1").slice(0, SHOWN_BYTES);
  }
  const received: Received = {
    method: request.method ?? "",
    url: request.url ?? "",
    version: request.httpVersion,
    headers: request.rawHeaders.map((text, at) =>
      at % 2 === 1 && options.digests === true ? digestOf(text) : text,
    ),
    bytes,
    sha256: digest.digest("hex"),
    body: shown,
  };
  const text = `${JSON.stringify(received)}\n`;
  response.setHeader("content-type", "application/json");
  response.setHeader("content-length", Buffer.byteLength(text));
  response.end(text);
}

/** A folder's page is its `index.html`. */
function answerFile(
  folder: string,
  request: Http2ServerRequest | IncomingMessage,
  response: ServerResponse | Http2ServerResponse,
): void {
  const path = join(folder, normalize(new URL(request.url ?? "/", "http://origin").pathname));
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const file = isFolder ? join(path, "index.html") : path;
  const isThere = statSync(file, { throwIfNoEntry: false })?.isFile() === true;
  response.statusCode = isThere ? 200 : 404;
  if (isFolder) response.setHeader("content-type", "text/html");
  response.end(isThere ? readFileSync(file) : "");
}

const options = JSON.parse(process.argv[2] ?? "{}") as OriginOptions;
const handle = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): void => void answer(request, response).catch(() => response.destroy());
const server =
  options.cert === undefined || options.key === undefined
    ? createHttpServer(handle)
    : createSecureServer(
        { cert: readFileSync(options.cert), key: readFileSync(options.key), allowHTTP1: true },
        handle,
      );
server.listen(options.port, options.address, () => process.stdout.write("ready\n"));
process.stdin.on("end", () => process.exit(0)).resume();
