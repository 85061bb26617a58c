/**
 * A connection of the guest, from its first words on: the daemon is asked before anybody is dialled; what is bypassed is carried as it is;
 * everything else speaks HTTP with us, under a certificate of the organisation's authority, and we with the server.
 */
import type { Socket } from "node:net";
import { TLSSocket, type SecureContext } from "node:tls";
import type { BlockedRequest, InterceptionOrder } from "@fastvm/contract";
import type { Hello } from "../hello/read-hello.ts";
import { isHostName } from "../hello/read-hello.ts";
import { listenFirst } from "../hello/listen-first.ts";
import { matchesAny } from "../hello/host-pattern.ts";
import { serveHttp1 } from "../http/http1.ts";
import { serveHttp2 } from "../http/http2.ts";
import { nameIn, type Route } from "../http/route.ts";
import { HANDSHAKE_MS } from "../limits.ts";
import { finderFor, type BlockedSecret } from "../secrets/gate.ts";
import type { Question, Verdict } from "../wire.ts";
import type { Leaves } from "../authority/leaves.ts";
import { endWithAlert } from "./alert.ts";
import { dial, dialTls, Unverified, type Target } from "./dial.ts";
import { splice } from "./splice.ts";

/** What protocols we speak, by their names in a hello. */
const HTTP: readonly string[] = ["h2", "http/1.1"];

interface InterceptParts {
  readonly order: Pick<InterceptionOrder, "secrets" | "tls">;
  readonly leaves: Leaves;
  /** Rejects where nobody answers. */
  ask(question: Question): Promise<Verdict>;
  readonly blocked: (blocked: BlockedRequest) => void;
}

/** Never rejects; the socket is closed where the connection may not be. */
export async function intercept(parts: InterceptParts, socket: Socket, target: Target): Promise<void> {
  socket.on("error", () => undefined);
  try {
    const words = await listenFirst(socket);
    if (socket.destroyed) return;
    if (words.kind === "malformed") endWithAlert(socket, "decode_error");
    else if (words.kind === "plain") servePlain(parts, socket, target);
    else await serveTls(parts, socket, target, words);
  } catch {
    socket.destroy();
  }
}

async function serveTls(parts: InterceptParts, socket: Socket, target: Target, hello: Hello): Promise<void> {
  const { serverName, isEncrypted } = hello;
  const verdict = await parts.ask({
    ...target,
    ...(serverName !== undefined && { name: serverName }),
    isEncrypted,
  });
  if (!verdict.allowed) return endWithAlert(socket, "access_denied");
  if (serverName !== undefined && matchesAny(parts.order.tls.bypass, serverName)) {
    // Nobody sees which name such a hello means: where a name opens the address, it could be any that the server has.
    if (isEncrypted && verdict.byName) return endWithAlert(socket, "access_denied");
    return await bypass(socket, target);
  }
  const offered = hello.protocols.filter((protocol) => HTTP.includes(protocol));
  if (hello.protocols.length > 0 && offered.length === 0)
    return endWithAlert(socket, "no_application_protocol");
  await serveHttps(parts, socket, target, { serverName, offered, verdict });
}

async function bypass(socket: Socket, target: Target): Promise<void> {
  const upstream = await dial(target).catch(() => undefined);
  if (upstream === undefined) socket.destroy();
  else splice(socket, upstream);
}

interface Asked {
  readonly serverName: string | undefined;
  readonly offered: readonly string[];
  readonly verdict: Verdict;
}

async function serveHttps(
  parts: InterceptParts,
  socket: Socket,
  target: Target,
  { serverName, offered, verdict }: Asked,
): Promise<void> {
  const { order, leaves } = parts;
  const leaf = leaves.of(serverName ?? target.address);
  leaf.catch(() => undefined);
  let upstream: TLSSocket;
  try {
    upstream = await dialTls(order.tls, target, serverName, offered);
  } catch (error) {
    return endWithAlert(socket, error instanceof Unverified ? "unknown_ca" : "internal_error");
  }
  const close = (): void => void socket.destroy();
  upstream.once("close", close);
  try {
    // The guest speaks what the server speaks, so that neither is translated into the other.
    const protocol = upstream.alpnProtocol === "h2" ? "h2" : "http/1.1";
    const guest = await handshake(socket, await leaf, offered.includes(protocol) ? [protocol] : []);
    upstream.off("close", close);
    const route = routeTo(parts, target, { name: serverName, isTls: true, verdict, upstream });
    if (protocol === "h2") serveHttp2(guest, route);
    else serveHttp1(guest, () => Promise.resolve(route));
  } catch (error) {
    upstream.destroy();
    throw error;
  }
}

function handshake(socket: Socket, context: SecureContext, protocols: readonly string[]): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const guest = new TLSSocket(socket, {
      isServer: true,
      secureContext: context,
      ...(protocols.length > 0 && { ALPNProtocols: [...protocols] }),
    });
    const timer = setTimeout(() => fail(new Error("the guest does not shake hands")), HANDSHAKE_MS);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      guest.destroy();
      socket.destroy();
      reject(error);
    };
    guest
      .on("error", fail)
      .on("_tlsError", fail)
      .once("close", () => fail(new Error("the guest went away")));
    guest.once("secure", () => {
      clearTimeout(timer);
      // Node says so of sockets that its own server has taken; its HTTP/2 would wait for it for ever.
      Object.assign(guest, { secureConnecting: false });
      resolve(guest);
    });
  });
}

/** Plain HTTP: where it leads only a request tells, and what is no request leads nowhere. */
function servePlain(parts: InterceptParts, socket: Socket, target: Target): void {
  serveHttp1(socket, async (authority) => {
    const host = nameIn(authority);
    const name = host !== undefined && isHostName(host) ? host : undefined;
    const verdict = await parts.ask({ ...target, ...(name !== undefined && { name }), isEncrypted: false });
    if (!verdict.allowed) throw new Error("it may not go there");
    const upstream = await dial(target);
    return routeTo(parts, target, { name, isTls: false, verdict, upstream });
  });
}

interface Way {
  readonly name: string | undefined;
  readonly isTls: boolean;
  readonly verdict: Verdict;
  readonly upstream: Socket;
}

function routeTo(
  { order, blocked }: InterceptParts,
  { address, port }: Target,
  { name, isTls, verdict, upstream }: Way,
): Route {
  const { isResolved } = verdict;
  return {
    name,
    port,
    isTls,
    upstream,
    finder: finderFor(order.secrets, { name, isTls, isResolved }),
    blocked: (error: BlockedSecret, host) => blocked(error.told(host === "" ? address : host)),
  };
}
