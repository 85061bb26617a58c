/**
 * Requests of this machine's programs to its own daemon. They know it by the digest of its certificate, which the daemon left in its folder, and not by a
 * name and an authority: the certificate may be for another name, of an authority that this machine does not trust, or outdated.
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

export interface OwnRequest {
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const HTTPS_PORT = 443;

/** Rejects when nobody answers, and before anything is sent when somebody else does. */
export async function askDaemon(
  { url, certificate }: Pick<Instance, "url" | "certificate">,
  path: string,
  { method = "GET", headers = {} }: OwnRequest = {},
): Promise<OwnAnswer> {
  const target = new URL(path, url);
  const options: RequestOptions = { method, headers: { ...headers, connection: "close" } };
  if (certificate === undefined) return await answerOf(requestHttp(target, options));
  const socket = await connectTo(target, certificate);
  return await answerOf(requestHttps(target, { ...options, createConnection: () => socket }));
}

async function connectTo(url: URL, certificate: string): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || HTTPS_PORT);
  const socket = connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  await once(socket, "secureConnect");
  if (socket.getPeerCertificate().fingerprint256 === certificate) return socket;
  socket.destroy();
  throw new Error(`Another program than this machine's daemon answers at ${url.host}`);
}

async function answerOf(request: ReturnType<typeof requestHttp>): Promise<OwnAnswer> {
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}
