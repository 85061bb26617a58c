/** Whether what a webhook was sent is from the server that has its secret, and of now. For servers that are told of events. */
import { FastvmError } from "./errors.ts";
import type { Event } from "./events.ts";

export interface WebhookRequest {
  /** As it came: parsed and written anew it is signed no more. */
  readonly body: string | Uint8Array;
  /** The header `fastvm-signature`. */
  readonly signature: string | null | undefined;
  readonly secret: string;
  /** How old a request may be, or how far in the future; default 300. */
  readonly toleranceSec?: number | undefined;
}

/** It is not to be believed. */
export class WebhookSignatureError extends FastvmError {
  override readonly name = "WebhookSignatureError";
}

const TOLERANCE_SEC = 300;
const MS_PER_SECOND = 1000;
const ALGORITHM = { name: "HMAC", hash: "SHA-256" };
const DIGEST_HEX = /^[0-9a-f]{64}$/;
/** Of a header that a stranger sends. */
const MAX_CODES = 8;

/** The event. Throws WebhookSignatureError when the signature is missing, wrong or too old. */
export async function verifyWebhook(request: WebhookRequest): Promise<Event> {
  const { at, codes } = read(request.signature);
  const ageSec = Math.abs(Date.now() / MS_PER_SECOND - Number(at));
  if (!(ageSec <= (request.toleranceSec ?? TOLERANCE_SEC)))
    throw new WebhookSignatureError("The webhook's signature is not of now");
  const bytes = typeof request.body === "string" ? new TextEncoder().encode(request.body) : request.body;
  const signed = concat(new TextEncoder().encode(`${at}.`), bytes);
  const secret = new TextEncoder().encode(request.secret);
  const key = await crypto.subtle.importKey("raw", secret, ALGORITHM, false, ["verify"]);
  for (const code of codes) {
    if (await crypto.subtle.verify("HMAC", key, fromHex(code), signed))
      return JSON.parse(new TextDecoder().decode(bytes)) as Event;
  }
  throw new WebhookSignatureError("The webhook's signature is not that of its secret");
}

function read(signature: string | null | undefined): {
  readonly at: string;
  readonly codes: readonly string[];
} {
  const fields = (signature ?? "").split(",").map((field) => field.split("="));
  const at = fields.find(([name]) => name === "t")?.[1] ?? "";
  const codes = fields.flatMap(([name, code = ""]) => (name === "v1" && DIGEST_HEX.test(code) ? [code] : []));
  if (!/^\d{1,12}$/.test(at) || codes.length === 0)
    throw new WebhookSignatureError("The webhook has no signature of the form t=…,v1=…");
  return { at, codes: codes.slice(0, MAX_CODES) };
}

function concat(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
