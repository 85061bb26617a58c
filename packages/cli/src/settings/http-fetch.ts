/**
 * A `fetch` over Node's own http for calls that ask for JSON, which are nearly all: Node takes 40 ms to load what the global one stands
 * on, as long as the rest of a command. Whatever else is asked for goes to the global one.
 */
import { request as requestHttp } from "node:http";
import type { IncomingMessage } from "node:http";

type Headers = Readonly<Record<string, string>>;

export const httpFetch: typeof fetch = async (input, init = {}) => {
  const { method = "GET", body, signal } = init;
  const isText = body === undefined || typeof body === "string";
  if (typeof input !== "string" || !isText || !isPlain(init.headers) || init.headers["accept"] !== JSON_TYPE)
    return await fetch(input, init);
  const message = await ask(input, { method, headers: init.headers, ...(signal && { signal }) }, body);
  const { statusCode: status = 0, statusMessage = "" } = message;
  if (status < FIRST_REDIRECT || status > LAST_REDIRECT || message.headers.location === undefined)
    return answerOf(message, status, statusMessage, input);
  message.resume();
  return await fetch(input, init);
};

const JSON_TYPE = "application/json";
const [FIRST_REDIRECT, LAST_REDIRECT] = [301, 308];

function isPlain(headers: RequestInit["headers"]): headers is Record<string, string> {
  return headers !== undefined && Object.getPrototypeOf(headers) === Object.prototype;
}

interface Asked {
  readonly method: string;
  readonly headers: Headers;
  readonly signal?: AbortSignal;
}

async function ask(url: string, asked: Asked, body: string | undefined): Promise<IncomingMessage> {
  // Certificates are loaded only for a server that has one.
  const request = url.startsWith("https:") ? (await import("node:https")).request : requestHttp;
  return await new Promise((resolve, reject) => {
    request(url, asked, resolve).once("error", reject).end(body);
  });
}

/** As much of a Response as is asked of one whose body is read at once as text. */
function answerOf(message: IncomingMessage, status: number, statusText: string, url: string): Response {
  const headers = {
    get: (name: string): string | null => message.headersDistinct[name.toLowerCase()]?.join(", ") ?? null,
    *[Symbol.iterator](): Iterator<[string, string]> {
      for (const [name, values = []] of Object.entries(message.headersDistinct))
        yield [name, values.join(", ")];
    },
  };
  const answer = {
    ok: status >= 200 && status < 300,
    status,
    statusText,
    url,
    headers,
    text: () => textOf(message),
  };
  // The SDK takes its fetch for the global one; of a JSON call it asks no more than this.
  return answer as unknown as Response;
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = "";
  message.setEncoding("utf8");
  for await (const part of message) text += String(part);
  return text;
}
