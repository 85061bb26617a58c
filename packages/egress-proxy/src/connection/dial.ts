/** Connects to the very address that the guest connected to, and to no other, whatever names have come to mean. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, rootCertificates } from "node:tls";
import type { SecureContext, TLSSocket } from "node:tls";
import type { TlsSettings } from "@fastvm/contract";
import { matchesHost } from "../hello/host-pattern.ts";
import { DIAL_MS } from "../limits.ts";

export interface Target {
  readonly address: string;
  readonly port: number;
}

/** The server is not who it should be. */
export class Unverified extends Error {
  override readonly name = "Unverified";
}

export function dial({ address, port }: Target): Promise<Socket> {
  const socket = connectTcp({ host: address, port, noDelay: true });
  return connected(socket, "connect");
}

/** Rejects with Unverified where the certificate is not the name's, or not by an authority that counts for it. */
export async function dialTls(
  tls: TlsSettings,
  target: Target,
  name: string | undefined,
  protocols: readonly string[],
): Promise<TLSSocket> {
  const socket = await dial(target);
  const verify = verifies(tls, name);
  const secured = connectTls({
    socket,
    ...(name === undefined ? { host: target.address } : { servername: name }),
    ...(protocols.length > 0 && { ALPNProtocols: [...protocols] }),
    secureContext: contextFor(tls, name),
    rejectUnauthorized: verify,
  });
  try {
    return await connected(secured, "secureConnect");
  } catch (error) {
    socket.destroy();
    if (verify && secured.authorizationError !== null && secured.authorizationError !== undefined)
      throw new Unverified(`${secured.authorizationError}`, { cause: error });
    throw error;
  }
}

function verifies({ verifyUpstream, scopedVerification }: TlsSettings, name: string | undefined): boolean {
  const scoped = scopedVerification.find(({ host }) => name !== undefined && matchesHost(host, name));
  return scoped?.verify ?? verifyUpstream;
}

/** By which scoped authorities count, of each order: one for all connections, as all authorities that everybody knows are in it. */
const contexts = new WeakMap<TlsSettings, Map<string, SecureContext>>();

/** An authority that is scoped counts for its names alone, beside those that count for all. */
function contextFor(tls: TlsSettings, name: string | undefined): SecureContext {
  const scoped = tls.scopedAuthorities.filter(({ host }) => name !== undefined && matchesHost(host, name));
  const own = contexts.get(tls) ?? new Map<string, SecureContext>();
  contexts.set(tls, own);
  const key = scoped.map(({ host }) => host).join(" ");
  const known = own.get(key);
  if (known !== undefined) return known;
  const others = scoped.map(({ certificates }) => certificates);
  const made = createSecureContext({ ca: [...rootCertificates, ...tls.upstreamAuthorities, ...others] });
  own.set(key, made);
  return made;
}

function connected<T extends Socket>(socket: T, event: "connect" | "secureConnect"): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(new Error("it does not answer")), DIAL_MS);
    const onError = (error: Error): void => settle(error);
    const onClose = (): void => settle(new Error("it closed the connection"));
    const onConnected = (): void => settle(undefined);
    const settle = (error: Error | undefined): void => {
      clearTimeout(timer);
      socket.off("error", onError).off("close", onClose).off(event, onConnected);
      socket.on("error", () => undefined);
      if (error === undefined) return resolve(socket);
      socket.destroy();
      reject(error);
    };
    socket.on("error", onError).on("close", onClose).on(event, onConnected);
  });
}
