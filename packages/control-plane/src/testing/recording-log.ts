/** What a test application logs: tests look into it, and what failed a request is kept for whoever asks why a test failed. */
import { appendFileSync } from "node:fs";
import { inspect } from "node:util";
import type { Log } from "../log.ts";

/** Where `./test` reads them, which empties it first; without it nothing is kept. See tools/test/daemon-errors.ts. */
const KEPT = process.env["FASTVM_TEST_DAEMON_ERRORS"];

export class RecordingLog implements Log {
  readonly entries: { level: string; fields: object; message: string }[] = [];

  info(fields: object, message: string): void {
    this.entries.push({ level: "info", fields, message });
  }

  warn(fields: object, message: string): void {
    this.entries.push({ level: "warn", fields, message });
  }

  error(fields: object, message: string): void {
    this.entries.push({ level: "error", fields, message });
    if ("requestId" in fields) keep(fields, message);
  }
}

function keep(fields: object, message: string): void {
  if (KEPT === undefined) return;
  const told = inspect(fields, { depth: 4, breakLength: Infinity }).replaceAll(/\n\s*/g, " ");
  appendFileSync(KEPT, `${message}: ${told}\n`);
}
