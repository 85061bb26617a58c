/**
 * One API call: URL, headers, time limit, retries, and the translation of every failure into the SDK's errors.
 * It knows nothing of VMs, and it never repeats a call that its caller has not marked as safe to repeat.
 */
import { credentialsOf, DEFAULT_TIMEOUT_MS } from "../client-config.ts";
import type { ClientConfig } from "../client-config.ts";
import { APIConnectionError, errorFromResponse, FastvmError, NotFoundError } from "../errors.ts";
import { SDK_VERSION } from "../version.ts";
import { streamOf } from "./body-of.ts";
import { answerWith, ApiPromise } from "./api-promise.ts";
import type { Read } from "./api-promise.ts";
import { Deadline, sleep } from "./deadline.ts";
import { isAnswerLost, isNeverSent, isRetryable, retryDelayMs } from "./retry-policy.ts";

/** What a caller may set for one call. */
export interface RequestOptions {
  /** Ends the call; it then rejects with an APIUserAbortError. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for one attempt; `Infinity` for no limit. */
  readonly timeoutMs?: number | undefined;
  /** The same under the published package's name. */
  readonly timeout?: number | undefined;
  /** Attempts after the first. Default: the client's, or 0 for calls that must not be repeated blindly. */
  readonly maxRetries?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Added to the URL's query. */
  readonly query?: Readonly<Record<string, string | undefined>> | undefined;
}

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Already encoded, from the API's root: `/v1/vms`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON when present. */
  readonly body?: unknown;
  /** Sent as it is. One that streams is sent once: there is nothing to repeat it from. */
  readonly content?: Content;
  readonly accept?: string;
  /** Used when neither the call nor the client sets one. */
  readonly defaultTimeoutMs?: number;
  /** By `performance.now()`: no attempt goes on, and none begins, after it, whatever limits each has. */
  readonly until?: number;
  /** `once`: a repetition could do the work twice, so only the caller's own `maxRetries` allows it. */
  readonly attempts?: "retried" | "once";
  /** What is given where the first attempt took away what it names and lost its answer, so that the next finds nothing. */
  readonly gone?: unknown;
  readonly options?: RequestOptions | undefined;
}

/** Bytes, or text that is sent as UTF-8. */
export type Content =
  | string
  | Uint8Array<ArrayBuffer>
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

/** An answer whose body the caller reads. Whoever gets one must call `deadline.release`. */
export interface OpenResponse {
  readonly response: Response;
  readonly deadline: Deadline;
}

export class HttpClient {
  readonly #config: ClientConfig;

  constructor(config: ClientConfig) {
    this.#config = config;
  }

  /** The answer's JSON; `undefined` for an answer without a body. */
  json<Result>(request: ApiRequest): ApiPromise<Result> {
    const { method, gone } = request;
    const whenGone = method === "DELETE" || gone !== undefined ? () => goneOf<Result>(request) : undefined;
    return new ApiPromise(this.#withRetries(request, (open) => readJson<Result>(open), whenGone));
  }

  /** Resolves at the answer's headers. The time limit ends there, the caller's signal goes on. */
  async open(request: ApiRequest): Promise<OpenResponse> {
    return this.#withRetries(request, (open) => {
      open.deadline.stopTimer();
      return Promise.resolve(open);
    });
  }

  async #withRetries<Result>(
    request: ApiRequest,
    use: (open: OpenResponse) => Promise<Result>,
    whenGone?: () => Result,
  ): Promise<Result> {
    const isOnce = request.attempts === "once";
    const maxRetries = isRead(request.content)
      ? 0
      : (request.options?.maxRetries ?? (isOnce ? 0 : this.#config.maxRetries));
    let isLost = false;
    for (let retry = 0; ; retry += 1) {
      const outcome = await this.#attempt(request, use);
      if (outcome.ok) return outcome.value;
      if (isLost && whenGone !== undefined && outcome.error instanceof NotFoundError) return whenGone();
      isLost ||= outcome.isLost;
      if (!outcome.isRetryable || retry >= maxRetries) throw outcome.error;
      const delayMs = retryDelayMs(retry, outcome.headers);
      if (leftMs(request) <= delayMs) throw outcome.error;
      const nth = `retry ${retry + 1} of ${maxRetries} in ${Math.round(delayMs)} ms`;
      this.#config.log("info", `${request.method} ${request.path}: ${nth}: ${String(outcome.error)}`);
      await sleep(delayMs, request.options?.signal);
    }
  }

  async #attempt<Result>(
    request: ApiRequest,
    use: (open: OpenResponse) => Promise<Result>,
  ): Promise<Outcome<Result>> {
    const { options } = request;
    const timeoutMs =
      options?.timeoutMs ??
      options?.timeout ??
      this.#config.timeoutMs ??
      request.defaultTimeoutMs ??
      DEFAULT_TIMEOUT_MS;
    const deadline = new Deadline(Math.min(timeoutMs, leftMs(request)), options?.signal);
    const url = this.#url(request);
    const startedAt = Date.now();
    try {
      const response = await this.#config.fetch(url, this.#init(request, deadline.signal));
      const took = Date.now() - startedAt;
      this.#config.log("info", `${request.method} ${url} answered ${response.status} in ${took} ms`);
      if (!response.ok) return await failedAnswer(response, deadline);
      return { ok: true, value: await use({ response, deadline }) };
    } catch (cause) {
      deadline.release();
      return brokenCall(cause, deadline);
    }
  }

  #url(request: ApiRequest): string {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries({ ...request.query, ...request.options?.query })) {
      if (value !== undefined) query.append(key, value);
    }
    const suffix = query.size === 0 ? "" : `?${query.toString()}`;
    return `${this.#config.baseUrl}${request.path}${suffix}`;
  }

  #init(request: ApiRequest, signal: AbortSignal): RequestInit {
    const headers: Record<string, string> = {
      accept: request.accept ?? "application/json",
      "user-agent": `fastvm-sdk-js/${SDK_VERSION}`,
      ...lowerCased(credentialsOf(this.#config)),
    };
    if (request.body !== undefined) headers["content-type"] = "application/json";
    if (request.content !== undefined) headers["content-type"] = "application/octet-stream";
    Object.assign(headers, lowerCased(this.#config.headers), lowerCased(request.options?.headers ?? {}));
    const body = request.body === undefined ? {} : { body: JSON.stringify(request.body) };
    return { method: request.method, headers, signal, ...body, ...contentInit(request.content) };
  }
}

function leftMs({ until = Infinity }: ApiRequest): number {
  return Math.max(0, Math.round(until - performance.now()));
}

/** So that what a caller sets takes the place of ours, however it is written. */
function lowerCased(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function isRead(
  content: Content | undefined,
): content is ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> {
  return (
    typeof content === "object" && (Symbol.asyncIterator in content || content instanceof ReadableStream)
  );
}

function contentInit(content: Content | undefined): RequestInit {
  if (content === undefined) return {};
  if (!isRead(content)) return { body: content };
  const body = content instanceof ReadableStream ? content : streamOf(content[Symbol.asyncIterator]());
  // Node's fetch keeps a copy of every byte it sends, for a redirect, unless it is told in both ways that none will be followed.
  return { body, duplex: "half", redirect: "error", window: null };
}

type Outcome<Result> =
  | { readonly ok: true; readonly value: Result }
  | {
      readonly ok: false;
      readonly error: unknown;
      readonly isRetryable: boolean;
      /** Whether it may have been carried out. */
      readonly isLost: boolean;
      readonly headers?: Headers;
    };

async function readJson<Result>({ response, deadline }: OpenResponse): Promise<Read<Result>> {
  const text = await response.text();
  deadline.release();
  try {
    const value: unknown = text.trim() === "" ? undefined : JSON.parse(text);
    // The wire is the one place where a type is taken on trust: a later server may send more than we know.
    return { data: value as Result, answer: () => answerWith(response, text) };
  } catch (cause) {
    throw new FastvmError(`The answer is not JSON: ${text.slice(0, 200)}`, { cause });
  }
}

function goneOf<Result>({ path, gone }: ApiRequest): Read<Result> {
  const id = decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
  const data = gone === undefined ? { id, deleted: true } : gone;
  const answer = (): Response => new Response(JSON.stringify(data));
  return { data: data as Result, answer };
}

async function failedAnswer(response: Response, deadline: Deadline): Promise<Outcome<never>> {
  const { status, headers } = response;
  const text = await response.text();
  deadline.release();
  const error = errorFromResponse(status, text, headers);
  const isAgain = isRetryable(status, headers, error.error);
  return { ok: false, error, isRetryable: isAgain, isLost: isAnswerLost(status), headers };
}

/** A call that got no whole answer. A timeout is worth a retry, an abort by the caller is not. */
function brokenCall(cause: unknown, deadline: Deadline): Outcome<never> {
  if (cause instanceof FastvmError) return { ok: false, error: cause, isRetryable: false, isLost: false };
  const error = deadline.reason() ?? connectionError(cause);
  // One that was late is a lost connection, too.
  const isAgain = error instanceof APIConnectionError;
  return { ok: false, error, isRetryable: isAgain, isLost: isAgain && !isNeverSent(cause) };
}

/** The error to throw for a body that broke off. */
export function brokenAnswer(cause: unknown, deadline: Deadline): FastvmError {
  return cause instanceof FastvmError ? cause : (deadline.reason() ?? connectionError(cause));
}

/** Node's fetch says only "fetch failed"; the reason is in its cause. */
export function connectionError(cause: unknown): APIConnectionError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const text =
    inner instanceof Error
      ? inner.message || ("code" in inner ? String(inner.code) : inner.name)
      : String(inner);
  return new APIConnectionError(`The connection failed: ${text}`, { cause });
}
