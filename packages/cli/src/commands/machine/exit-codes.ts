/** How commands on machines end, by what failed, and how they say so: to programs on stdout, as one object. */
import type { ErrorFamily } from "fastvm/machines";
import { describeFailure, tellFailure } from "../../output/failure.ts";
import { printJson } from "../../output/print.ts";
import { UserError } from "../../user-error.ts";

const EXIT_CODES: Readonly<Record<ErrorFamily, number>> = {
  unknown: 1,
  invalid: 2,
  "not-found": 3,
  unauthenticated: 4,
  forbidden: 5,
  limit: 6,
  conflict: 7,
  runtime: 8,
};

/** Of a line that cannot be read. */
export const USAGE_EXIT_CODE = EXIT_CODES.invalid;

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly suggestedAction?: string | undefined;
  readonly requestId?: string | undefined;
  readonly retryable?: boolean | undefined;
  readonly exitCode: number;
}

/** Says what failed; the exit code. */
export async function tellMachineFailure(error: unknown, isJson: boolean): Promise<number> {
  const { code, message, suggestedAction, requestId, retryable, exitCode } = await failureOf(error);
  if (isJson) {
    printJson({
      error: {
        code,
        message,
        hint: suggestedAction ?? null,
        doc_url: null,
        request_id: requestId ?? null,
        retryable: retryable ?? null,
        suggested_action: suggestedAction ?? null,
      },
    });
  } else tellFailure({ message: `${code}: ${message}`, hint: suggestedAction }, false);
  return exitCode;
}

async function failureOf(error: unknown): Promise<Failure> {
  const { MachineError } = await import("fastvm/machines");
  if (error instanceof MachineError) {
    const { code, family, message, suggestedAction, requestId, retryable } = error;
    return { code, message, suggestedAction, requestId, retryable, exitCode: EXIT_CODES[family] };
  }
  const { message, hint } = await describeFailure(error);
  if (!(error instanceof UserError)) return { code: "internal", message, exitCode: EXIT_CODES.unknown };
  return { code: "invalid_request", message, suggestedAction: hint, exitCode: EXIT_CODES.invalid };
}
