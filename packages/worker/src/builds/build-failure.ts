/** Why a build failed, for people, and whose doing it was. */
import { FastvmError } from "@fastvm/contract";
import type { BuildOutcome, ErrorCode } from "@fastvm/contract";

type Failed = Extract<BuildOutcome, { readonly status: "failed" }>;

/** As clients of the API have it. */
const MAX_ERROR_BYTES = 4096;
const OF_REGISTRIES: ReadonlySet<ErrorCode> = new Set([
  "registry_denied",
  "registry_guarded",
  "registry_unreachable",
  "not_found",
]);
const OF_ORDERS: ReadonlySet<ErrorCode> = new Set(["image_invalid", "invalid_request"]);

export class BuildFailure extends Error {
  readonly fault: Failed["fault"];

  constructor(fault: Failed["fault"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

export function failedOutcome(error: unknown): Failed {
  return { status: "failed", fault: faultOf(error), error: lastBytes(messageOf(error)) };
}

function faultOf(error: unknown): Failed["fault"] {
  if (error instanceof BuildFailure) return error.fault;
  if (!(error instanceof FastvmError)) return "host";
  if (OF_REGISTRIES.has(error.code)) return "registry";
  return OF_ORDERS.has(error.code) ? "order" : "host";
}

/** A bug's own words are for the log. */
function messageOf(error: unknown): string {
  return error instanceof BuildFailure || error instanceof FastvmError
    ? error.message
    : "This host could not build it; its log says why";
}

/** What is cut is in front, where the beginning of a step's output is. */
function lastBytes(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_ERROR_BYTES) return text;
  let start = bytes.length - MAX_ERROR_BYTES + Buffer.byteLength("…");
  // Not in the middle of a character.
  while (((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return `…${bytes.subarray(start).toString()}`;
}
