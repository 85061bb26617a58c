/** The lines of what a guest prints. One that does not end is told in parts: it lies in the daemon's memory until it is told. */
import { StringDecoder } from "node:string_decoder";

/** As much as the program in the guest gives at once. */
const MAX_LINE_CHARS = 65_536;

export class LogLines {
  readonly #decoder = new StringDecoder();
  #rest = "";

  /** Those that have ended. */
  take(data: Uint8Array): readonly string[] {
    const lines = (this.#rest + this.#decoder.write(Buffer.from(data))).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length < MAX_LINE_CHARS) return lines;
    const part = this.#rest;
    this.#rest = "";
    return [...lines, part];
  }
}
