/**
 * The habits of the published generated clients, without the clients: three attempts on a lost connection, a timeout, 408,
 * 409, 429 and 5xx unless `x-should-retry` decides; the waits between them; a read timeout that any byte starts anew.
 */
import { request } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

const MAX_RETRIES = 2;
/** Between two bytes, or before the first. */
const READ_TIMEOUT_MS = 60_000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 8000;
/** Up to this part of a delay is left out, so that clients that failed together do not come back together. */
const JITTER = 0.25;
/** A server that asks for more is not heeded. */
const MAX_ASKED_DELAY_MS = 60_000;

interface Attempt {
  /** Absent when the connection broke or timed out. */
  readonly status?: number;
  readonly headers: IncomingHttpHeaders;
  readonly failure?: string;
  /** Since the attempt before it ended, in ms. */
  readonly waitedMs: number;
}

interface Outcome {
  readonly attempts: readonly Attempt[];
  /** Of the last attempt; its status is 0 when that had no answer. */
  readonly status: number;
  readonly text: string;
}

export interface GeneratedRequest {
  readonly body?: unknown;
  readonly accept?: string;
  /** For one attempt, counted from 0. Default 60 s for each. */
  readonly readTimeoutMs?: (attempt: number) => number;
  /** Called after an attempt that failed, before the wait for the next. */
  readonly onFailed?: (attempt: number) => void;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export class GeneratedClient {
  readonly #baseUrl: string;
  readonly #apiKey: string;

  constructor(options: { readonly baseUrl: string; readonly apiKey: string }) {
    this.#baseUrl = options.baseUrl;
    this.#apiKey = options.apiKey;
  }

  /** Resolves with the last attempt, whatever it met; rejects never. */
  async send(method: string, path: string, options: GeneratedRequest = {}): Promise<Outcome> {
    const attempts: Attempt[] = [];
    let waitedMs = 0;
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#attempt(method, path, attempt, options);
      const { status, headers, failure } = { status: undefined, failure: undefined, ...answer };
      attempts.push({ headers, waitedMs, ...(status && { status }), ...(failure && { failure }) });
      if (attempt === MAX_RETRIES || !shouldRetry(status, headers)) {
        return { attempts, status: status ?? 0, text: answer.text };
      }
      options.onFailed?.(attempt);
      waitedMs = delayMs(attempt, headers);
      await sleep(waitedMs);
    }
  }

  async #attempt(
    method: string,
    path: string,
    attempt: number,
    options: GeneratedRequest,
  ): Promise<
    Answer | { readonly failure: string; readonly headers: IncomingHttpHeaders; readonly text: string }
  > {
    const timeoutMs = options.readTimeoutMs?.(attempt) ?? READ_TIMEOUT_MS;
    try {
      return await this.#exchange(method, path, attempt, timeoutMs, options);
    } catch (error) {
      return { failure: error instanceof Error ? error.message : String(error), headers: {}, text: "" };
    }
  }

  async #exchange(
    method: string,
    path: string,
    attempt: number,
    timeoutMs: number,
    { accept = "application/json", body }: GeneratedRequest,
  ): Promise<Answer> {
    const sent = request(this.#baseUrl + path, {
      method,
      agent: false,
      headers: {
        accept,
        "x-api-key": this.#apiKey,
        "user-agent": "FastvmClient/Python 0.3.0",
        "x-stainless-lang": "python",
        "x-stainless-package-version": "0.3.0",
        "x-stainless-read-timeout": "60",
        "x-stainless-retry-count": String(attempt),
        // Also without a body.
        ...(method === "GET" ? {} : { "content-type": "application/json" }),
      },
    });
    sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`no byte for ${timeoutMs} ms`)));
    const failed = once(sent, "close").then(() => {
      throw sent.errored ?? new Error("the connection closed");
    });
    failed.catch(() => undefined);
    sent.on("error", () => undefined);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await Promise.race([once(sent, "response"), failed])) as [IncomingMessage];
    const chunks: Buffer[] = await response.toArray();
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      text: Buffer.concat(chunks).toString(),
    };
  }
}

function shouldRetry(status: number | undefined, headers: IncomingHttpHeaders): boolean {
  if (status === undefined) return true;
  const told = headers["x-should-retry"];
  if (told === "true" || told === "false") return told === "true";
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

function delayMs(attempt: number, headers: IncomingHttpHeaders): number {
  const asked = askedDelayMs(headers);
  if (asked !== undefined && asked > 0 && asked <= MAX_ASKED_DELAY_MS) return asked;
  return Math.min(FIRST_DELAY_MS * 2 ** attempt, MAX_DELAY_MS) * (1 - JITTER * Math.random());
}

/** `retry-after` has seconds or a date. */
function askedDelayMs(headers: IncomingHttpHeaders): number | undefined {
  const ms = Number(headers["retry-after-ms"] ?? NaN);
  if (!Number.isNaN(ms)) return ms;
  const after = headers["retry-after"];
  if (after === undefined) return undefined;
  return Number.isNaN(Number(after)) ? Date.parse(after) - Date.now() : Number(after) * 1000;
}
