/** Reads a command to its end: at most 4 MiB of each stream are kept, all of it is read so that the command can end. */
import { FastvmError, MAX_BUFFERED_OUTPUT_BYTES, type ExecEvent, type ExecResult } from "@fastvm/contract";
import { BoundedOutput } from "../../shared/bounded-output.ts";

export async function collectResult(session: AsyncIterable<ExecEvent>): Promise<ExecResult> {
  const stdout = new BoundedOutput(MAX_BUFFERED_OUTPUT_BYTES);
  const stderr = new BoundedOutput(MAX_BUFFERED_OUTPUT_BYTES);
  for await (const event of session) {
    if (event.kind === "stdout") stdout.push(event.data);
    else if (event.kind === "stderr") stderr.push(event.data);
    else {
      if (event.diagnostic !== undefined) stderr.push(Buffer.from(`${event.diagnostic}\n`));
      return {
        exitCode: event.exitCode,
        stdout: stdout.text(),
        stderr: stderr.text(),
        timedOut: event.timedOut,
        stdoutTruncated: stdout.truncated,
        stderrTruncated: stderr.truncated,
        durationMs: Math.round(event.durationMs),
      };
    }
  }
  throw new FastvmError("guest_unresponsive", "the command's output ended without its exit");
}
