/** When an answer may be asked for again, and after how long. */

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 8000;
/** A server that asks for a longer pause is not obeyed: the caller would seem to hang. */
const MAX_SERVER_DELAY_MS = 60_000;
/** Up to this part is taken off each delay, so that clients that failed together do not come back together. */
const JITTER = 0.25;

/** The server's own word goes before the status: in a header (`x-should-retry`), or in the body, where sandboxes have it under `error`. */
export function isRetryable(status: number, headers: Headers, body?: unknown): boolean {
  const verdict = headers.get("x-should-retry");
  if (verdict === "true") return true;
  if (verdict === "false") return false;
  const said = [fieldOf(body, "retryable"), fieldOf(fieldOf(fieldOf(body, "error"), "details"), "retryable")];
  const word = said.find((value) => typeof value === "boolean");
  if (word !== undefined) return word;
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** Whether the call may have been carried out all the same: what stands between says so, and has no answer either. */
export function isAnswerLost(status: number): boolean {
  return status === 502 || status === 504;
}

/** Of Node's and Bun's fetch. */
const UNSENT_CODES: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused",
]);
const CONNECTING: ReadonlySet<unknown> = new Set(["connect", "getaddrinfo"]);

/** Whether there was no connection yet that the call could have gone over. */
export function isNeverSent(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  if (UNSENT_CODES.has(fieldOf(cause, "code")) || CONNECTING.has(fieldOf(cause, "syscall"))) return true;
  // A host of many addresses has an error for each.
  if (cause instanceof AggregateError && cause.errors.length > 0) return cause.errors.every(isNeverSent);
  return isNeverSent(cause.cause);
}

/** Milliseconds before attempt `retry` (0 for the first retry). */
export function retryDelayMs(retry: number, headers: Headers | undefined): number {
  const asked = headers === undefined ? undefined : serverDelayMs(headers);
  if (asked !== undefined && asked >= 0 && asked <= MAX_SERVER_DELAY_MS) return asked;
  return Math.min(FIRST_DELAY_MS * 2 ** retry, MAX_DELAY_MS) * (1 - Math.random() * JITTER);
}

function serverDelayMs(headers: Headers): number | undefined {
  const inMs = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (!Number.isNaN(inMs)) return inMs;
  const after = headers.get("retry-after");
  if (after === null) return undefined;
  const seconds = Number(after);
  if (!Number.isNaN(seconds)) return seconds * 1000;
  const date = Date.parse(after);
  return Number.isNaN(date) ? undefined : date - Date.now();
}
