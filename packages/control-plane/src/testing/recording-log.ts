/** What a test application logs: tests look into it, and what failed a request is kept for whoever asks why a test failed. */
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import type { Log } from "../log.ts";

/** See tools/test/daemon-errors.ts, which finds the lines of a failed test by the request's id in its message. */
const KEPT = fileURLToPath(new URL("../../../../.fastvm/log/daemon-errors.log", import.meta.url));

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
  mkdirSync(dirname(KEPT), { recursive: true });
  const told = inspect(fields, { depth: 4, breakLength: Infinity }).replaceAll(/\n\s*/g, " ");
  appendFileSync(KEPT, `${message}: ${told}\n`);
}
