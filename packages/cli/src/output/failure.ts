/** Turns any failure into the lines that people read: what happened, and what to do. */
import { UserError } from "../user-error.ts";
import { remark } from "./print.ts";
import { printable } from "./table.ts";

interface Failure {
  readonly message: string;
  readonly hint?: string | undefined;
  /** The API's, where it was the API that refused. */
  readonly status?: number | undefined;
  readonly code?: string | undefined;
}

export async function describeFailure(error: unknown): Promise<Failure> {
  if (error instanceof UserError) return { message: error.message, hint: error.hint };
  const { APIConnectionError, APIConnectionTimeoutError, APIError, FastvmError } = await import("fastvm");
  if (error instanceof APIError)
    return {
      message: `${error.status}: ${error.detail}`,
      hint: error.hint ?? hintFor(error.status),
      status: error.status,
      code: error.code,
    };
  if (error instanceof APIConnectionError && !(error instanceof APIConnectionTimeoutError)) {
    return { message: error.message, hint: "Is the daemon running? Start it with: fastvm serve" };
  }
  if (error instanceof FastvmError) return { message: error.message };
  // A bug of ours: the stack is what its reporter needs.
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** On stderr, as stdout holds results only: lines for people, or one object for programs that asked for JSON. */
export function tellFailure({ message, hint, status, code }: Failure, isJson: boolean): void {
  if (isJson) {
    remark(JSON.stringify({ error: message, hint, status, code }));
    return;
  }
  remark(`Error: ${message}`);
  if (hint !== undefined) remark(`Hint: ${printable(hint)}`);
}

/** For servers that give no hint of their own. */
function hintFor(status: number): string | undefined {
  if (status === 401) return "Look at the key: fastvm config get, FASTVM_API_KEY or --api-key";
  return undefined;
}
