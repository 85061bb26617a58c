/**
 * Requests of this machine's programs to its own daemon. They know it by the digest of its
 * certificate, which the daemon left in its folder, and not by a name and an authority: the
 * certificate may be for another name, of an authority that this machine does not trust, or outdated.
 */
import { once } from "node:events";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { IncomingMessage, RequestOptions } from "node:http";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import type { TLSSocket } from "node:tls";
import type { Instance } from "./instance-file.ts";

export interface OwnAnswer {
  readonly status: number;
  readonly body: string;
}

interface OwnRequest {
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: 60 s. */
  readonly timeoutMs?: number;
}

/** A delete may wait for a launch. A daemon that hangs must not hang whoever wants to end it. */
const TIMEOUT_MS = 60_000;

const HTTPS_PORT = 443;

/** Rejects when nobody answers, and before anything is sent when somebody else does. */
export async function askDaemon(
  { url, certificate }: Pick<Instance, "url" | "certificate">,
  path: string,
  { method = "GET", headers = {}, timeoutMs = TIMEOUT_MS }: OwnRequest = {},
): Promise<OwnAnswer> {
  const target = new URL(path, url);
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await ask(target, certificate, { method, headers: { ...headers, connection: "close" }, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new Error(`The daemon at ${target.host} did not answer within ${timeoutMs / 1000} s`, {
      cause: error,
    });
  }
}

async function ask(
  target: URL,
  certificate: string | undefined,
  options: RequestOptions & { readonly signal: AbortSignal },
): Promise<OwnAnswer> {
  if (certificate === undefined) return await answerOf(requestHttp(target, options));
  const socket = await connectTo(target, certificate, options.signal);
  return await answerOf(requestHttps(target, { ...options, createConnection: () => socket }));
}

async function connectTo(url: URL, certificate: string, signal: AbortSignal): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || HTTPS_PORT);
  const socket = connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  try {
    await once(socket, "secureConnect", { signal });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  if (socket.getPeerCertificate().fingerprint256 === certificate) return socket;
  socket.destroy();
  throw new Error(`Another program than this machine's daemon answers at ${url.host}`);
}

async function answerOf(request: ReturnType<typeof requestHttp>): Promise<OwnAnswer> {
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}
