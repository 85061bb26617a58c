/** What may be otherwise a moment later: worth another attempt, or another mirror. */
import { FastvmError } from "@fastvm/contract";

export class RegistryFailure extends Error {
  override readonly name = "RegistryFailure";
  /** How long the registry asked us to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Codes of what stays so: names that nobody has, certificates that nobody vouches for. */
const LASTING =
  /^(?:ENOTFOUND|EPROTO|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|ERR_TLS_|ERR_SSL_)/;

export function isLasting(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && typeof error.code === "string" && LASTING.test(error.code)
  );
}

/** For whoever asked, when no attempt is left. */
export function asUnreachable(failure: RegistryFailure): FastvmError {
  return new FastvmError("registry_unreachable", failure.message, { cause: failure });
}
