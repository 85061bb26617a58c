/** Writes logs of several sources to one stdout: by lines that name their source, or as they are where there is only one. */
import { StringDecoder } from "node:string_decoder";
import { printJsonLine, printLine, writeBytes } from "../output/print.ts";
import { harmless } from "../output/table.ts";

/** A line that does not end is cut here, so that it takes no more memory. */
const MAX_LINE_CHARS = 64 * 1024;

export class LogWriter {
  readonly #form: "raw" | "lines" | "json";
  readonly #rest = new Map<string, string>();
  readonly #decoders = new Map<string, StringDecoder>();

  constructor(form: "raw" | "lines" | "json") {
    this.#form = form;
  }

  async write(source: string, data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    if (this.#form === "raw") {
      const shown = process.stdout.isTTY ? Buffer.from(harmless(this.#decode(source, bytes))) : bytes;
      return await writeBytes(process.stdout, shown);
    }
    const lines = `${this.#rest.get(source) ?? ""}${this.#decode(source, bytes)}`.split("\n");
    const rest = lines.pop() ?? "";
    for (const line of lines) this.#line(source, line);
    if (rest.length > MAX_LINE_CHARS) this.#line(source, rest);
    this.#rest.set(source, rest.length > MAX_LINE_CHARS ? "" : rest);
  }

  /** What stands on a line that has no end. */
  end(source: string): void {
    const rest = this.#rest.get(source) ?? "";
    this.#rest.delete(source);
    if (rest !== "") this.#line(source, rest);
  }

  #line(source: string, text: string): void {
    const line = text.replace(/\r$/, "");
    if (this.#form === "json") printJsonLine({ source, line });
    else printLine(`${source} | ${process.stdout.isTTY ? harmless(line) : line}`);
  }

  #decode(source: string, bytes: Uint8Array): string {
    const decoder = this.#decoders.get(source) ?? new StringDecoder("utf8");
    this.#decoders.set(source, decoder);
    return decoder.write(Buffer.from(bytes));
  }
}
