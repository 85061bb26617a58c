/** One request to a service and its answer back: both bodies stream at once, either may end first. */
import { IncomingMessage } from "node:http";
import { beforeEnd } from "../answer/rest-of-request.ts";
import { ProxyError } from "../answer/proxy-errors.ts";
import type { BackendAnswer, BackendCall } from "../backend/call.ts";
import { badAnswer } from "../backend/call-http1.ts";
import { unlessAborted } from "../backend/unless-aborted.ts";
import type { ClientRequest, ClientResponse } from "../client-request.ts";
import type { OutgoingRequest } from "../headers/request-headers.ts";
import type { EdgeLimits } from "../limits.ts";
import type { Traffic } from "./traffic.ts";
import type { RequestOutcome } from "../metrics/edge-metrics.ts";
import { AnswerDeadline } from "./answer-deadline.ts";
import { pump } from "./pump.ts";
import { sendAnswer } from "./send-answer.ts";
import { SilenceTimer } from "./silence-timer.ts";

export interface Forwarding {
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  readonly call: Pick<BackendCall, "body" | "answer" | "finish">;
  readonly outgoing: Pick<OutgoingRequest, "body" | "trailersOf">;
  readonly limits: EdgeLimits;
  /** Aborted when the client went away. */
  readonly gone: AbortSignal;
  readonly outcome: RequestOutcome;
  /** Where bytes of bodies are added up. */
  readonly traffic: Traffic;
}

/** Resolves when the client has the whole answer. Rejects with a ProxyError or a StreamReset, or with the reason of `gone`. */
export async function forward(parts: Forwarding): Promise<void> {
  const { call, request, response, limits, gone, traffic } = parts;
  const silent = Promise.withResolvers<never>();
  silent.promise.catch(() => undefined);
  const idle = new SilenceTimer(limits.idleMs, () => {
    silent.reject(new ProxyError("service_timeout", "nothing moved for too long"));
  });
  const deadline = new AnswerDeadline(limits.answerMs, () => {
    silent.reject(new ProxyError("service_timeout"));
  });
  try {
    // A service may answer before it has the whole request, and close: what matters then is its answer.
    sendBody(parts, idle, deadline).catch(() => undefined);
    const answer = await unlessAborted(Promise.race([call.answer, silent.promise]), gone);
    deadline.end();
    checkStatus(answer);
    parts.outcome.answered(answer.status);
    const sending = sendAnswer(
      answer,
      request,
      response,
      (count) => {
        traffic.bytesOut += count;
        idle.restart();
      },
      () => beforeEnd(request, response, limits.lingerMs),
    );
    await unlessAborted(Promise.race([sending, silent.promise]), gone);
  } finally {
    deadline.end();
    idle.stop();
  }
}

/** Three digits may be anything, of which Node writes not all; what is below 200 is no answer yet, and 600 and above mean nothing. */
function checkStatus({ status }: BackendAnswer): void {
  if (status < 200 || status > 599) throw badAnswer(new Error(`its status is ${status}`));
}

async function sendBody(
  { request, call, outgoing: { body, trailersOf }, traffic }: Forwarding,
  idle: SilenceTimer,
  deadline: AnswerDeadline,
): Promise<void> {
  if (body.kind !== "none") {
    await pump(request, call.body, {
      onBytes: (count) => {
        traffic.bytesIn += count;
        idle.restart();
      },
      onBlocked: () => deadline.start(),
      onDrain: () => deadline.suspend(),
    });
  }
  // Half a body must not look like a whole one: the call ends with the client instead.
  if (!isWhole(request)) return;
  call.finish(trailersOf(request.rawTrailers));
  deadline.start();
}

/** The requests of HTTP/2 also end when their client resets them. */
function isWhole(request: ClientRequest): boolean {
  return request instanceof IncomingMessage ? request.complete : !request.aborted;
}
