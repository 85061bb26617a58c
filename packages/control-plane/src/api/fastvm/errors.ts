/** How this API tells of failures: one JSON shape, headers for generated clients, and the names of the request in place of the engine's. */
import { ERROR_CATALOGUE, errorBody, FastvmError } from "@fastvm/contract";
import type { RenderedError } from "../shared/answer-error.ts";

/** Long enough for a VM to go or to be paused, short enough that clients honour it (at most 60). */
const RETRY_AFTER_SEC = 5;

/** What the engine calls what it was asked. No field of a request has such a name; a test holds that. */
export const FIELD_NAMES: ReadonlyMap<string, string> = new Map([
  ["vm", "vmId"],
  ["snapshot", "snapshotId"],
  ["volume", "volumeId"],
  ["sizeGib", "sizeGiB"],
  ["machine", "machineType"],
  ["diskGib", "diskGiB"],
  ["build", "buildId"],
]);

export function renderError(error: FastvmError, requestId: string): RenderedError {
  const { status, retryable } = error.entry;
  return {
    status,
    headers: {
      ...(retryable ? {} : { "x-should-retry": "false" }),
      ...(status === 503 ? { "retry-after": String(RETRY_AFTER_SEC) } : {}),
    },
    body: { ...errorBody(inOurWords(error), requestId), ...contractWord(error) },
  };
}

/** Of these clients know the very word in `error`. */
const CONTRACT_WORDS: Partial<Record<FastvmError["code"], string>> = {
  guest_umount_busy: "guest_umount_busy",
  volume_not_ready: "VOL_NOT_READY",
};

function contractWord({ code }: FastvmError): { readonly error?: string } {
  const error = CONTRACT_WORDS[code];
  return error === undefined ? {} : { error };
}

export function inOurWords(error: FastvmError): FastvmError {
  const { code, field = "", message, cause } = error;
  const name = FIELD_NAMES.get(field);
  if (name === undefined) return error;
  const detail = message.slice(ERROR_CATALOGUE[code].message.length).replace(/^: /, "");
  const own = detail.replace(new RegExp(`^${field}\\b`), name);
  return new FastvmError(code, own === "" ? undefined : own, { cause, field: name });
}
