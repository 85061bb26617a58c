/** The one catalogue of failures that a client can meet, at the API and at the proxy, each declared once. */
import { API_ERRORS } from "./api-errors.ts";
import type { ErrorEntry } from "./error-entry.ts";
import { PROXY_ERRORS } from "./proxy-errors.ts";

export const ERROR_CATALOGUE = { ...API_ERRORS, ...PROXY_ERRORS } as const;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;
/** Of the API's operations. */
export type ApiErrorCode = keyof typeof API_ERRORS;
/** Of the proxy into services. */
export type ProxyErrorCode = keyof typeof PROXY_ERRORS | "invalid_request" | "internal";

export const ERROR_CODES = Object.keys(ERROR_CATALOGUE) as readonly ErrorCode[];

/** An error of the catalogue. `message` is the catalogue's, made specific; `field` names the offending input. */
export class FastvmError extends Error {
  readonly code: ErrorCode;
  /** What makes the message specific. */
  readonly detail: string | undefined;
  readonly field: string | undefined;

  constructor(code: ErrorCode, detail?: string, options: { cause?: unknown; field?: string } = {}) {
    const { message } = ERROR_CATALOGUE[code];
    super(detail === undefined ? message : `${message}: ${detail}`, { cause: options.cause });
    this.name = "FastvmError";
    this.code = code;
    this.detail = detail;
    this.field = options.field;
  }

  get entry(): ErrorEntry {
    return ERROR_CATALOGUE[this.code];
  }
}
