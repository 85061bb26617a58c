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
      hint: nextCommand(error.detail) ?? error.hint ?? hintFor(error.status),
      status: error.status,
      code: error.code,
    };
  if (error instanceof APIConnectionError && !(error instanceof APIConnectionTimeoutError)) {
    return { message: error.message, hint: hintForConnection(error) };
  }
  if (error instanceof FastvmError) return { message: error.message, hint: nextCommand(error.message) };
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

/** What helps by the command line, where the API and the SDK, which know no commands, say it in general or not at all. */
const NEXT_COMMANDS: readonly (readonly [RegExp, string])[] = [
  [/state that does not allow this: it is paused/, "Resume it first: fastvm resume VM"],
  [/state that does not allow this: it is stopped/, "Start it first: fastvm start VM"],
  [
    /state that does not allow this: it is error/,
    "Look at its reason: fastvm inspect VM; boot its disk: fastvm start VM",
  ],
  [
    /there is no image \S+ here$/,
    "See what there is with: fastvm image ls; root brings more: fastvm image pull IMAGE",
  ],
  [/^There is no \/.* in the VM$/, "See what there is with: fastvm exec VM ls FOLDER"],
  [/^There is no Dockerfile /, "Name the folder that has it, or the file: fastvm build -f FILE FOLDER"],
];

function nextCommand(message: string): string | undefined {
  return NEXT_COMMANDS.find(([told]) => told.test(message))?.[1];
}

/** What a TLS library says of a certificate that it does not trust, and of one of another name. */
const UNTRUSTED = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+)$/;
const OTHER_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";

/** The reason lies some causes deep: the SDK's error, fetch's, the socket's. */
function hintForConnection(error: Error): string {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const code = "code" in cause ? String(cause.code) : "";
    if (UNTRUSTED.test(code))
      return "Nobody whom this machine trusts vouches for the server: fastvm login URL --ca FILE";
    if (code === OTHER_NAME) return "Call the server by the name that its certificate is for";
  }
  return "Is the daemon running? Start it with: fastvm serve";
}

/** For servers that give no hint of their own. */
function hintFor(status: number): string | undefined {
  if (status === 401) return "Look at the key: fastvm config get, FASTVM_API_KEY or --api-key";
  return undefined;
}
