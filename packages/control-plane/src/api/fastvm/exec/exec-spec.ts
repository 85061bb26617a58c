/** From an exec body to what the worker runs: the rules that JSON Schema cannot say. */
import {
  checkEnvVars,
  FastvmError,
  MAX_COMMAND_ARG_BYTES,
  MAX_COMMAND_BYTES,
  MAX_STDIN_BYTES,
  type ExecBody,
  type ExecSpec,
} from "@fastvm/contract";

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export function execSpecOf(body: ExecBody): ExecSpec {
  checkCommand(body.command);
  if (body.env !== undefined && body.env !== null) checkEnvVars(body.env, "env");
  const cwd = optionalText(body.cwd, "cwd");
  const user = optionalText(body.user, "user");
  return {
    command: body.command,
    ...(body.env === undefined || body.env === null ? {} : { env: body.env }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
    ...(body.stdin === undefined || body.stdin === null ? {} : { stdin: decodeStdin(body.stdin) }),
    ...(body.timeoutSec === undefined || body.timeoutSec === null
      ? {}
      : { timeoutMs: body.timeoutSec * 1000 }),
  };
}

function checkCommand(command: readonly string[]): void {
  if (command[0] === "") throw invalid("command.0", "the first element of command must not be empty");
  let total = 0;
  for (const [index, argument] of command.entries()) {
    const field = `command.${index}`;
    if (argument.includes("\0")) throw invalid(field, "an argument may not contain NUL");
    const bytes = Buffer.byteLength(argument);
    if (bytes > MAX_COMMAND_ARG_BYTES) {
      throw invalid(field, `an argument has ${bytes} bytes; at most ${MAX_COMMAND_ARG_BYTES} are accepted`);
    }
    total += bytes + 1;
  }
  if (total > MAX_COMMAND_BYTES) {
    throw invalid("command", `command has ${total} bytes; at most ${MAX_COMMAND_BYTES} are accepted`);
  }
}

function optionalText(value: string | null | undefined, field: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (value.includes("\0")) throw invalid(field, `${field} may not contain NUL`);
  return value;
}

/** Node ignores what is not base64; a caller who sent plain text by mistake must hear of it. */
export function decodeStdin(stdin: string, field = "stdin"): Uint8Array {
  const unpadded = stdin.replace(/=+$/, "");
  if (!BASE64.test(stdin) || unpadded.length % 4 === 1) {
    throw invalid(field, `${field} must be base64 with the standard alphabet`);
  }
  const bytes = Buffer.from(stdin, "base64");
  if (bytes.length > MAX_STDIN_BYTES) {
    const detail = `${field} has ${bytes.length} bytes; at most ${MAX_STDIN_BYTES} are accepted`;
    throw new FastvmError("body_too_large", detail, { field });
  }
  return bytes;
}

function invalid(field: string, detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field });
}
