/** Writes answers to stdout and remarks to stderr, and treats a reader that has left as no error. */
import { once } from "node:events";
import { renderTemplate } from "./template.ts";
import type { Template } from "./template.ts";
import { harmless } from "./table.ts";

/** What a shell reports for a process that SIGPIPE ended. */
const BROKEN_PIPE_EXIT_CODE = 141;
const CLEAR_SCREEN = "\u001b[H\u001b[2J";

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

let template: Template | undefined;

/** What was asked for with `--format`: programs' answers go by it from now on. */
export function printBy(format: Template | undefined): void {
  template = format;
}

/** The answer for programs: JSON, or by the template that `--format` gave. */
export function printJson(value: unknown): void {
  if (template === undefined) return printLine(JSON.stringify(value, undefined, 2));
  const text = renderTemplate(template, value);
  if (text !== "") printLine(process.stdout.isTTY ? harmless(text) : text);
}

/** One of a stream of answers, on a line of its own. */
export function printJsonLine(value: unknown): void {
  if (template === undefined) printLine(JSON.stringify(value));
  else printJson(value);
}

/** In place of what stood there before; one after the other where there is no screen. */
export function redraw(text: string): void {
  printLine(process.stdout.isTTY ? `${CLEAR_SCREEN}${text}` : text);
}

export function remark(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Resolves when the stream has room again, so that a slow reader slows the command and not our memory. */
export async function writeBytes(stream: NodeJS.WriteStream, data: Uint8Array): Promise<void> {
  if (!stream.write(data)) await once(stream, "drain");
}
