/** A command in the background as this API shows it. */
import type { BackgroundExec, ExecState, VmId } from "@fastvm/contract";
import { timestamp } from "./timestamp.ts";

export function backgroundExecView(vmId: VmId, exec: ExecState): BackgroundExec {
  const { end } = exec;
  return {
    id: exec.execId,
    vmId,
    pid: exec.pid,
    command: [...exec.command],
    commandTruncated: exec.isCut,
    ...(exec.cwd === undefined ? {} : { cwd: exec.cwd }),
    ...(exec.user === undefined ? {} : { user: exec.user }),
    ...(exec.pty === undefined ? {} : { pty: { cols: exec.pty.cols, rows: exec.pty.rows } }),
    stdinOpen: exec.takesStdin,
    status: end === undefined ? "running" : "exited",
    ...(end === undefined ? {} : { exitCode: end.exitCode, durationMs: Math.round(end.durationMs) }),
    timedOut: end?.timedOut ?? false,
    startedAt: timestamp(exec.startedAtMs),
    ...exec.output,
    restores: exec.restores,
  };
}
