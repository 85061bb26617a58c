/** Searches what a process has in its memory, and afterwards what is left of it. */
import { open, readFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

const CHUNK_BYTES = 4 * 1024 * 1024;
/** What is written, and no file's. */
const OWN = /^([0-9a-f]+)-([0-9a-f]+) rw.. \S+ \S+ 0 /gm;

/** Of a process that is there now; it is looked into by the same handle when the process has ended and another may have its id. */
export class ProcessMemory implements AsyncDisposable {
  readonly #memory: FileHandle;
  readonly #ranges: readonly (readonly [from: number, to: number])[];

  static async open(pid: number): Promise<ProcessMemory> {
    const maps = await readFile(`/proc/${pid}/maps`, "utf8");
    const ranges = Array.from(
      maps.matchAll(OWN),
      ([, from = "", to = ""]) => [Number.parseInt(from, 16), Number.parseInt(to, 16)] as const,
    );
    return new ProcessMemory(await open(`/proc/${pid}/mem`, "r"), ranges);
  }

  private constructor(memory: FileHandle, ranges: readonly (readonly [from: number, to: number])[]) {
    this.#memory = memory;
    this.#ranges = ranges;
  }

  /** How much of it can be read, and whether the text is in there. */
  async search(text: string): Promise<{ readonly bytes: number; readonly found: boolean }> {
    const wanted = Buffer.from(text);
    let [bytes, found] = [0, false];
    for (const [from, to] of this.#ranges) {
      // Chunks overlap by the text's length, which may lie across two of them.
      for (let at = from; at < to; at += CHUNK_BYTES - wanted.length) {
        const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, to - at));
        const read = await this.#memory.read(chunk, 0, chunk.length, at).catch(() => undefined);
        bytes += read?.bytesRead ?? 0;
        found ||= chunk.subarray(0, read?.bytesRead ?? 0).includes(wanted);
      }
    }
    return { bytes, found };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#memory.close();
  }
}
