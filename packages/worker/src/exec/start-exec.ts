/** Starts a command in a VM as the control plane asks for it: environment, stdin, time limit, kill. */
import { FastvmError } from "@fastvm/contract";
import type { CallOptions, ExecSession, ExecSpec } from "@fastvm/contract";
import type { ExecRequest } from "../guest-link/exec-stream.ts";
import type { GuestLink } from "../guest-link/guest-link.ts";
import { commandEnvironment } from "./environment.ts";
import { StreamSession } from "./stream-session.ts";

/** What every command in a VM has that does not say otherwise. */
export interface CommandSetting {
  readonly env: Readonly<Record<string, string>>;
  /** Need not be there. */
  readonly workdir?: string | undefined;
  /** Whether commands get no new privileges, and are without CAP_SYS_ADMIN. */
  readonly restricted?: boolean | undefined;
}

/** Of commands of ours, for which a VM need not be anybody's. */
export const NO_SETTING: CommandSetting = { env: {} };

/**
 * The command is under way when this returns; whether it could be started is told by its `exit`. Aborting the signal kills
 * it, and the iteration throws the signal's reason. Throws `invalid_request` for a command or variable that cannot
 * be passed on, `out_of_capacity` when the VM has too many open, or the link's cause of death.
 */
export function startExec(
  link: GuestLink,
  spec: ExecSpec,
  setting: CommandSetting,
  options: CallOptions = {},
): ExecSession {
  const stream = link.exec(execRequest(spec, setting), options);
  if (spec.stdin instanceof Uint8Array) {
    void stream.write(spec.stdin);
    stream.end();
  }
  const hasOpenStdin = spec.stdin === "open" || (spec.stdin === undefined && spec.pty !== undefined);
  return new StreamSession(stream, { timeoutMs: spec.timeoutMs, hasOpenStdin });
}

export function execRequest(spec: ExecSpec, { env, workdir, restricted }: CommandSetting): ExecRequest {
  assertCommand(spec.command);
  return {
    argv: spec.command,
    env: commandEnvironment({
      vm: env,
      command: spec.env,
      user: spec.user,
      hasPty: spec.pty !== undefined,
    }),
    cwd: spec.cwd,
    workdir,
    user: spec.user,
    stdin: spec.stdin === undefined ? "none" : "open",
    pty: spec.pty,
    limits: spec.limits,
    restricted,
  };
}

function assertCommand(command: readonly string[]): void {
  if (command[0] === undefined || command[0] === "") {
    throw new FastvmError("invalid_request", "the command is empty", { field: "command" });
  }
  if (command.some((argument) => argument.includes("\0"))) {
    throw new FastvmError("invalid_request", "an argument holds a zero byte", { field: "command" });
  }
}
