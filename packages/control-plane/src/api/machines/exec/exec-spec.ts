/** From the body of a command to what the engine runs. */
import {
  checkEnvVars,
  FastvmError,
  MAX_COMMAND_ARG_BYTES,
  MAX_COMMAND_BYTES,
  type ExecSpec,
  type MachineExecBody,
} from "@fastvm/contract";
import type { VmRecord } from "../../../engine/engine.ts";
import { machinePath, WORKSPACE } from "../machine-path.ts";

export function execSpecOf(vm: VmRecord, body: MachineExecBody): ExecSpec {
  const env = body.envs ?? undefined;
  if (env !== undefined) checkEnvVars(env, "envs");
  const timeoutSec = body.timeout_secs ?? undefined;
  const cwd = body.cwd ?? undefined;
  return {
    command: argvOf(body),
    cwd: cwd === undefined ? defaultDir(vm) : machinePath(cwd, "cwd"),
    ...(env === undefined ? {} : { env }),
    ...(timeoutSec === undefined ? {} : { timeoutMs: timeoutSec * 1000 }),
  };
}

function defaultDir({ cwd }: Pick<VmRecord, "cwd">): string {
  return cwd === "" ? WORKSPACE : cwd;
}

function argvOf({ command, args, shell }: MachineExecBody): readonly string[] {
  const rest = args ?? [];
  if (shell === true && rest.length > 0)
    throw invalid("args", "args go with a program, not with a line for the shell");
  const argv = shell === true ? ["/bin/sh", "-c", command] : [command, ...rest];
  let total = 0;
  for (const argument of argv) {
    const bytes = Buffer.byteLength(argument);
    if (argument.includes("\0")) throw invalid("command", "a command may not contain NUL");
    if (bytes > MAX_COMMAND_ARG_BYTES) {
      throw invalid(
        "command",
        `an argument has ${bytes} bytes; at most ${MAX_COMMAND_ARG_BYTES} are accepted`,
      );
    }
    total += bytes + 1;
  }
  if (total <= MAX_COMMAND_BYTES) return argv;
  throw invalid("command", `command has ${total} bytes; at most ${MAX_COMMAND_BYTES} are accepted`);
}

function invalid(field: string, detail: string): FastvmError {
  return new FastvmError("invalid_request", detail, { field });
}
