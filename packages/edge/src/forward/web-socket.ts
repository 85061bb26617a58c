/** A WebSocket: the handshake goes through both parsers, then the connections are spliced as they are. Never rejects. */
import { ServerResponse, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { checkRequest, checkUpgrade, optionsOf, valuesOf } from "../address/check-request.ts";
import { findDestination } from "../address/find-service.ts";
import { answerError } from "../answer/answer-error.ts";
import { ProxyError } from "../answer/proxy-errors.ts";
import { answerOf, badAnswer, sendHttp1 } from "../backend/call-http1.ts";
import { reachService } from "../backend/reach-service.ts";
import { unlessAborted } from "../backend/unless-aborted.ts";
import type { EdgeParts } from "../edge-parts.ts";
import { outgoingRequest } from "../headers/request-headers.ts";
import { endToEndHeaders } from "../headers/response-headers.ts";
import { asProxyError } from "./exchange.ts";
import { sendAnswer } from "./send-answer.ts";
import { splice } from "./splice.ts";

export async function openWebSocket(
  parts: EdgeParts,
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<void> {
  const { metrics, log, limits } = parts;
  const startedAt = performance.now();
  const answered = (status: number) => metrics.answered(status, performance.now() - startedAt);
  const gone = new AbortController();
  client.on("error", () => client.destroy());
  client.once("close", () => gone.abort(new Error("the client went away")));
  const response = plainAnswer(request, client);
  let service: Duplex | undefined;
  metrics.openRequests += 1;
  try {
    service = await reach(parts, request, gone.signal);
    const outcome = await handshake(parts, request, service, gone.signal);
    answered(outcome.message.statusCode ?? 101);
    if (outcome.kind === "refused") {
      const answer = answerOf(outcome.message, "GET");
      await sendAnswer(
        answer,
        response,
        () => undefined,
        () => Promise.resolve(),
      );
    } else {
      response.detachSocket(client as Socket);
      client.write(switchingProtocols(outcome.message));
      client.unshift(head);
      service.unshift(outcome.head);
      metrics.openWebSockets += 1;
      await splice(client, service, limits).finally(() => (metrics.openWebSockets -= 1));
    }
  } catch (error) {
    if (gone.signal.aborted) return metrics.aborted();
    const failure = asProxyError(error);
    metrics.failed(failure.code);
    if (failure.code === "internal") log.error({ err: error }, "a WebSocket failed through a bug");
    if (response.headersSent) return void client.destroy();
    answered(failure.entry.status);
    answerError(request, response, failure, limits.lingerMs);
  } finally {
    metrics.openRequests -= 1;
    service?.destroy();
  }
}

/** For everything but a WebSocket that opens; the connection ends with it. */
function plainAnswer(request: IncomingMessage, client: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(client as Socket);
  response.on("error", () => undefined);
  response.once("finish", () => {
    response.detachSocket(client as Socket);
    client.end();
    // Else what the client still sends would keep the connection from closing.
    client.resume();
  });
  return response;
}

async function reach(parts: EdgeParts, request: IncomingMessage, gone: AbortSignal): Promise<Duplex> {
  checkRequest(request);
  checkUpgrade(request);
  const { address } = findDestination(request, parts.domain);
  const { connection, h2c } = await reachService(parts, address, gone);
  if (!h2c) return connection;
  connection.destroy();
  throw new ProxyError(
    "invalid_request",
    "the service speaks HTTP/2, over which WebSockets are not passed on",
  );
}

type Outcome =
  | { readonly kind: "open"; readonly message: IncomingMessage; readonly head: Buffer }
  | { readonly kind: "refused"; readonly message: IncomingMessage };

async function handshake(
  { domain, limits }: EdgeParts,
  request: IncomingMessage,
  service: Duplex,
  gone: AbortSignal,
): Promise<Outcome> {
  const outgoing = outgoingRequest(request, findDestination(request, domain));
  const sent = sendHttp1(service, outgoing, ["Connection", "Upgrade", "Upgrade", "websocket"]);
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  sent.on("error", (error) => reject(badAnswer(error)));
  sent.once("close", () => reject(badAnswer(new Error("it closed the connection"))));
  sent.once("response", (message: IncomingMessage) => resolve({ kind: "refused", message }));
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
function switchingProtocols({ rawHeaders }: IncomingMessage): Buffer {
  const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"];
  const passed = endToEndHeaders(rawHeaders);
  for (let index = 0; index < passed.length; index += 2) lines.push(`${passed[index]}: ${passed[index + 1]}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}
