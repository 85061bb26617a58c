/** Writes answers to stdout and remarks to stderr, and treats a reader that has left as no error. */
import { once } from "node:events";

/** What a shell reports for a process that SIGPIPE ended. */
const BROKEN_PIPE_EXIT_CODE = 141;

/** `fastvm vm ls | head -1` closes our stdout early; that ends the program quietly, as it does for others. */
export function exitOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      process.exit(BROKEN_PIPE_EXIT_CODE);
    });
  }
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, undefined, 2));
}

export function remark(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Resolves when the stream has room again, so that a slow reader slows the command and not our memory. */
export async function writeBytes(stream: NodeJS.WriteStream, data: Uint8Array): Promise<void> {
  if (!stream.write(data)) await once(stream, "drain");
}
