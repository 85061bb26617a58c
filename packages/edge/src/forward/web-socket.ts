/** A WebSocket: the handshake goes through both parsers, then the connections are spliced as they are. Rejects through bugs only. */
import { ServerResponse, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { checkRequest, checkUpgrade } from "../address/check-request.ts";
import { findDestination, type Destination } from "../address/find-service.ts";
import { optionsOf, valuesOf } from "../address/header-values.ts";
import { withRequestId } from "../answer/request-id.ts";
import { ProxyError } from "../answer/proxy-errors.ts";
import { answerOf, badAnswer, sendHttp1 } from "../backend/call-http1.ts";
import { closeSoon } from "../backend/close-soon.ts";
import { entryTo, type Entry } from "../backend/entry.ts";
import { reachService } from "../backend/reach-service.ts";
import { unlessAborted } from "../backend/unless-aborted.ts";
import type { EdgeParts } from "../edge-parts.ts";
import { outgoingRequest, type OutgoingRequest } from "../headers/request-headers.ts";
import { endToEndHeaders } from "../headers/response-headers.ts";
import { EarlyBytes } from "./early-bytes.ts";
import type { PathScope } from "../headers/path-scope.ts";
import { confine, scopeOf } from "./confine.ts";
import { fail } from "./exchange.ts";
import { forward, type Forwarding } from "./forward.ts";
import { splice } from "./splice.ts";
import { noTraffic, type Traffic } from "./traffic.ts";

export async function openWebSocket(
  parts: EdgeParts,
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> {
  const { metrics, limits } = parts;
  client.on("error", () => client.destroy());
  const response = plainAnswer(request, client);
  // Node hands requests on while answers to earlier ones are under way, which would land in the WebSocket.
  if (response === undefined) return void client.destroy();
  const outcome = metrics.begin();
  const gone = closeOf(client);
  const early = new EarlyBytes(client, head);
  let service: Duplex | undefined;
  let entry: Entry | undefined;
  let endWatch: () => void = () => undefined;
  const traffic = noTraffic();
  metrics.openRequests += 1;
  try {
    checkRequest(request);
    checkUpgrade(request);
    const destination = findDestination(request, parts);
    const scope = scopeOf(request, destination);
    const check = await unlessAborted(parts.directory.credentialCheck(), gone);
    entry = await entryTo(parts.directory, destination, "websocket", gone);
    entry.count({ webSockets: 1 });
    // A token that is taken back also ends what it opened, or is about to.
    endWatch = entry.onRevoked(() => {
      client.destroy();
      service?.destroy();
    });
    const outgoing = outgoingRequest(request, destination, check, scope, entry.maskHost);
    service = await reach(parts, destination, entry, gone);
    const answer = await handshake(parts, outgoing, service, gone);
    if (answer.kind === "open") {
      outcome.answered(101);
      response.detachSocket(client as Socket);
      early.giveBack();
      await join(parts, request, { client, service, traffic }, answer, scope);
    } else {
      const call = confine(answer.call, scope);
      const nothing = { ...outgoing, body: { kind: "none" } } as const;
      await forward({ request, response, call, outgoing: nothing, limits, gone, outcome, traffic });
    }
  } catch (error) {
    service?.destroy();
    if (gone.aborted) outcome.aborted();
    // The connection has become a WebSocket's: there is no answer to give any more.
    else if (response.socket === null) throw error;
    else {
      const code = await fail(parts, request, response, error, outcome);
      entry?.count({ error: code });
    }
  } finally {
    endWatch();
    entry?.count(traffic);
    metrics.openRequests -= 1;
    service?.destroy();
  }
}

interface Ends {
  readonly client: Duplex;
  readonly service: Duplex;
  readonly traffic: Traffic;
}

async function join(
  { metrics, limits }: EdgeParts,
  request: IncomingMessage,
  { client, service, traffic }: Ends,
  { message, head }: Extract<Answer, { kind: "open" }>,
  scope: PathScope | undefined,
): Promise<void> {
  metrics.openWebSockets += 1;
  try {
    client.write(switchingProtocols(request, message, scope));
    service.unshift(head);
    await splice(client, service, limits, traffic);
  } finally {
    metrics.openWebSockets -= 1;
  }
}

/** For everything but a WebSocket that opens; the connection ends with it. `undefined`: an earlier answer has the connection. */
function plainAnswer(request: IncomingMessage, client: Duplex): ServerResponse | undefined {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  try {
    response.assignSocket(client as Socket);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_HTTP_SOCKET_ASSIGNED")
      return undefined;
    throw error;
  }
  response.on("error", () => undefined);
  response.once("finish", () => {
    response.detachSocket(client as Socket);
    closeSoon(client);
  });
  return response;
}

function closeOf(client: Duplex): AbortSignal {
  const controller = new AbortController();
  client.once("close", () => controller.abort(new Error("the client went away")));
  return controller.signal;
}

async function reach(
  parts: EdgeParts,
  { address: { vmId } }: Destination,
  { lookUp }: Entry,
  gone: AbortSignal,
): Promise<Duplex> {
  const { connection, h2c } = await reachService(parts, vmId, lookUp, gone);
  if (!h2c) return connection;
  connection.destroy();
  throw new ProxyError(
    "invalid_request",
    "the service speaks HTTP/2, over which WebSockets are not passed on",
  );
}

type Answer =
  | { readonly kind: "open"; readonly message: IncomingMessage; readonly head: Buffer }
  | { readonly kind: "refused"; readonly call: Forwarding["call"] };

async function handshake(
  { limits }: EdgeParts,
  outgoing: OutgoingRequest,
  service: Duplex,
  gone: AbortSignal,
): Promise<Answer> {
  const sent = sendHttp1(service, outgoing, ["Connection", "Upgrade", "Upgrade", "websocket"]);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  sent.on("error", (error) => reject(badAnswer(error)));
  sent.once("close", () => reject(badAnswer(new Error("it closed the connection"))));
  sent.once("response", (message: IncomingMessage) => {
    const answer = Promise.resolve(answerOf(message, "GET"));
    resolve({ kind: "refused", call: { body: sent, answer, finish: () => undefined } });
  });
  sent.once("upgrade", (message: IncomingMessage, _socket: Duplex, head: Buffer) => {
    const isWebSocket = optionsOf(valuesOf(message, "upgrade")).includes("websocket");
    if (isWebSocket) resolve({ kind: "open", message, head });
    else reject(badAnswer(new Error("it switched to another protocol")));
  });
  const timer = setTimeout(() => reject(new ProxyError("service_timeout")), limits.answerMs);
  sent.end();
  try {
    return await unlessAborted(promise, gone);
  } finally {
    clearTimeout(timer);
  }
}

/** Names and values have been through a parser: no line break is in them. */
function switchingProtocols(
  request: IncomingMessage,
  { rawHeaders }: IncomingMessage,
  scope: PathScope | undefined,
): Buffer {
  const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"];
  const answered = scope === undefined ? endToEndHeaders(rawHeaders) : scope.withoutPage(rawHeaders);
  const passed = withRequestId(answered, request);
  for (let index = 0; index < passed.length; index += 2) lines.push(`${passed[index]}: ${passed[index + 1]}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}
