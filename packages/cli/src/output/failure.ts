/** Turns any failure into the lines that people read: what happened, and what to do. */
import { UserError } from "../user-error.ts";

export interface Failure {
  readonly message: string;
  readonly hint?: string | undefined;
}

export async function describeFailure(error: unknown): Promise<Failure> {
  if (error instanceof UserError) return { message: error.message, hint: error.hint };
  const { APIConnectionError, APIConnectionTimeoutError, APIError, FastvmError } = await import("fastvm");
  if (error instanceof APIError)
    return { message: `${error.status}: ${error.detail}`, hint: error.hint ?? hintFor(error.status) };
  if (error instanceof APIConnectionError && !(error instanceof APIConnectionTimeoutError)) {
    return { message: error.message, hint: "Is the daemon running? Start it with: fastvm serve" };
  }
  if (error instanceof FastvmError) return { message: error.message };
  // A bug of ours: the stack is what its reporter needs.
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** For servers that give no hint of their own. */
function hintFor(status: number): string | undefined {
  if (status === 401) return "Look at the key: fastvm config get, FASTVM_API_KEY or --api-key";
  return undefined;
}
