/**
 * Errors between two processes that know the catalogue, both ways: what one side throws the other
 * throws too. One of the catalogue arrives as itself; whatever is not of it, a bug or a broken
 * host, stays such on the other side, so that no caller is told of it as if it were an answer.
 */
import { ERROR_CATALOGUE, FastvmError } from "./errors.ts";
import type { ErrorCode } from "./errors.ts";

interface ErrorWire {
  /** Absent of what is not of the catalogue. */
  readonly code?: string;
  /** What makes the catalogue's message specific; of what is not of the catalogue, all of its message. */
  readonly detail?: string;
  readonly field?: string;
  /** For the log. */
  readonly cause?: ErrorWire;
}

/** An error that was translated at every layer has four or five below it. */
const MAX_CAUSES = 8;
/** A QEMU's last words are 2,000 bytes; a command's output may be quoted whole. */
const MAX_TEXT_LENGTH = 16_384;

export function errorToWire(error: unknown, causes = MAX_CAUSES): ErrorWire {
  const cause = error instanceof Error && error.cause !== undefined && causes > 0 ? error.cause : undefined;
  const below = cause === undefined ? {} : { cause: errorToWire(cause, causes - 1) };
  if (!(error instanceof FastvmError)) return { detail: cut(textOf(error)), ...below };
  const { code, detail, field } = error;
  return {
    code,
    ...(detail === undefined ? {} : { detail: cut(detail) }),
    ...(field === undefined ? {} : { field: cut(field) }),
    ...below,
  };
}

/** Of whatever came: it never throws. A code that this side does not know, of a newer one, is like none. */
export function errorFromWire(wire: unknown, causes = MAX_CAUSES): Error {
  const { code, detail, field, cause } = (typeof wire === "object" && wire !== null ? wire : {}) as {
    readonly [name in keyof ErrorWire]: unknown;
  };
  const options = {
    ...(cause === undefined || causes === 0 ? {} : { cause: errorFromWire(cause, causes - 1) }),
    ...(typeof field === "string" ? { field: cut(field) } : {}),
  };
  const text = typeof detail === "string" ? cut(detail) : undefined;
  if (isKnown(code)) return new FastvmError(code, text, options);
  const unknown = typeof code === "string" ? `${cut(code)}: ${text ?? ""}` : text;
  return new Error(unknown ?? "an error of which nothing was told", options);
}

function isKnown(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERROR_CATALOGUE, code);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function cut(text: string): string {
  return text.slice(0, MAX_TEXT_LENGTH);
}
