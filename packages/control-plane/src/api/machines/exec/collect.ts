/** Commands' output as one answer. */
import {
  FastvmError,
  MAX_BUFFERED_OUTPUT_BYTES,
  type AttachEvent,
  type ExecEvent,
  type MachineExecResult,
} from "@fastvm/contract";
import { BoundedOutput } from "../../shared/bounded-output.ts";

/** All of it is read so that the command can end. Rejects with `exec_timeout` when its time ran out. */
export async function collectResult(events: AsyncIterable<ExecEvent>): Promise<MachineExecResult> {
  const stdout = new BoundedOutput(MAX_BUFFERED_OUTPUT_BYTES);
  const stderr = new BoundedOutput(MAX_BUFFERED_OUTPUT_BYTES);
  for await (const event of events) {
    if (event.kind === "stdout") stdout.push(event.data);
    else if (event.kind === "stderr") stderr.push(event.data);
    else {
      if (event.timedOut) {
        throw new FastvmError("guest_unresponsive", "the command's time was over", { field: "timeout_secs" });
      }
      if (event.diagnostic !== undefined) stderr.push(Buffer.from(`${event.diagnostic}\n`));
      const truncated = stdout.truncated || stderr.truncated;
      return {
        exit_code: event.exitCode,
        stdout: stdout.text(),
        stderr: stderr.text(),
        pid: null,
        truncated,
      };
    }
  }
  throw new FastvmError("guest_unresponsive", "the command's output ended without its exit");
}

/** Of a view that does not follow: what is kept. */
export async function collectLogs(events: AsyncIterable<AttachEvent>) {
  const [stdout, stderr, output] = [0, 0, 0].map(() => new BoundedOutput(Infinity)) as [
    BoundedOutput,
    BoundedOutput,
    BoundedOutput,
  ];
  let [lostBytes, nextOffset, exitCode] = [0, 0, null as number | null];
  for await (const event of events) {
    if (event.kind === "at") {
      lostBytes += Math.max(0, event.offset - nextOffset);
      nextOffset = event.offset;
    } else if (event.kind === "exit") {
      exitCode = event.exitCode;
    } else {
      (event.kind === "stdout" ? stdout : stderr).push(event.data);
      output.push(event.data);
      nextOffset += event.data.length;
    }
  }
  return {
    stdout: stdout.text(),
    stderr: stderr.text(),
    output: output.text(),
    exit_code: exitCode,
    lost_bytes: lostBytes,
  };
}
