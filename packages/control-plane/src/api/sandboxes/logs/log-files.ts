/**
 * What a sandbox's commands printed, on disk: lines of JSON in files that take turns,
 *
 *   <folder>/<generation>.<number of the first line>.jsonl      {"t":<ms since 1970>,"s":"stdout","d":"text"}
 *
 * The oldest file goes when there are too many. A line that a killed process wrote in part is none.
 */
import { createReadStream } from "node:fs";
import { appendFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { LogLine } from "./log-line.ts";

/** As clients of the local runtime have it. */
const FILE_BYTES = 10 * 1024 * 1024;
const MAX_FILES = 4;
/** What waits for the disk, beyond which whoever prints waits as well. */
const MAX_WAITING_CHARS = 1024 * 1024;
const NAME = /^([0-9a-f]{16})\.([0-9]{1,15})\.jsonl$/;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const LINE_FEED = 10;

interface LogFile {
  readonly path: string;
  /** Lines before it. */
  readonly after: number;
  bytes: number;
}

type Numbered = readonly [number: number, line: LogLine];

export class LogFiles {
  readonly generation: bigint;
  readonly #folder: string;
  readonly #onError: (error: unknown) => void;
  readonly #fileBytes: number;
  #files: LogFile[];
  /** Lines that were given to it, and that are on disk. */
  #given: number;
  #written: number;
  #waiting = "";
  #writing: Promise<void> | undefined;

  /** What an earlier process left goes on, under its generation. */
  static async open(
    folder: string,
    newGeneration: bigint,
    onError: (error: unknown) => void,
    fileBytes = FILE_BYTES,
  ): Promise<LogFiles> {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    const found = (await readdir(folder)).flatMap((name) => {
      const [, generation = "", after = ""] = NAME.exec(name) ?? [];
      return generation === "" ? [] : [{ generation, path: join(folder, name), after: Number(after) }];
    });
    const files: LogFile[] = [];
    for (const { path, after } of found.toSorted((one, other) => one.after - other.after))
      files.push({ path, after, bytes: (await stat(path)).size });
    const generation = found[0] === undefined ? newGeneration : BigInt(`0x${found[0].generation}`);
    const log = new LogFiles(folder, generation, onError, fileBytes, files);
    const last = files.at(-1);
    if (last !== undefined) {
      const { lines, isWhole } = await countLines(last.path);
      log.#given = log.#written = last.after + lines;
      // Nothing is added to half a line.
      if (!isWhole) last.bytes = fileBytes;
    }
    return log;
  }

  private constructor(
    folder: string,
    generation: bigint,
    onError: (error: unknown) => void,
    fileBytes: number,
    files: LogFile[],
  ) {
    this.#folder = folder;
    this.generation = generation;
    this.#onError = onError;
    this.#fileBytes = fileBytes;
    this.#files = files;
    this.#given = this.#written = files.at(-1)?.after ?? 0;
  }

  /** The number of the last line. */
  get count(): number {
    return this.#given;
  }

  get isIdle(): boolean {
    return this.#writing === undefined;
  }

  /** Resolves when there is room for more; a disk that takes nothing is told to `onError`, and lines are lost. */
  append({ at, source, text }: LogLine): Promise<void> {
    this.#given += 1;
    this.#waiting += `${JSON.stringify({ t: at, s: source, d: text })}\n`;
    this.#writing ??= this.#write();
    return this.#waiting.length > MAX_WAITING_CHARS ? this.#writing : Promise.resolve();
  }

  /** Lines after one number up to another, as far as they are kept, once they are on disk. */
  async *between(count: number, upTo: number): AsyncGenerator<Numbered, void, undefined> {
    await this.#writing;
    for (const [index, { path, after }] of [...this.#files].entries()) {
      const end = Math.min(upTo, this.#files[index + 1]?.after ?? this.#written);
      if (end <= count || after >= upTo) continue;
      yield* linesOf(path, after, count, end);
    }
  }

  async #write(): Promise<void> {
    while (this.#waiting !== "") {
      const [text, given] = [this.#waiting, this.#given];
      this.#waiting = "";
      try {
        const file = await this.#fileFor();
        await appendFile(file.path, text, { mode: FILE_MODE });
        file.bytes += Buffer.byteLength(text);
      } catch (error) {
        this.#onError(error);
        const last = this.#files.at(-1);
        if (last !== undefined) last.bytes = this.#fileBytes;
      }
      this.#written = given;
    }
    this.#writing = undefined;
  }

  async #fileFor(): Promise<LogFile> {
    const last = this.#files.at(-1);
    if (last !== undefined && last.bytes < this.#fileBytes) return last;
    const name = `${this.generation.toString(16).padStart(16, "0")}.${this.#written}.jsonl`;
    const next = { path: join(this.#folder, name), after: this.#written, bytes: 0 };
    await mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE });
    const kept = [...this.#files, next];
    const old = kept.splice(0, Math.max(kept.length - MAX_FILES, 0));
    this.#files = kept;
    for (const { path } of old) await rm(path, { force: true });
    return next;
  }
}

async function countLines(path: string): Promise<{ lines: number; isWhole: boolean }> {
  let [lines, last] = [0, LINE_FEED];
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at + 1)) lines += 1;
    last = chunk.at(-1) ?? last;
  }
  return { lines, isWhole: last === LINE_FEED };
}

/** Of one file, which may go meanwhile. */
async function* linesOf(
  path: string,
  after: number,
  count: number,
  end: number,
): AsyncGenerator<Numbered, void, undefined> {
  let number = after;
  const input = createReadStream(path);
  // Its failure ends the lines; that of the file's being gone is no failure.
  input.on("error", () => undefined);
  for await (const text of createInterface({ input })) {
    number += 1;
    if (number > end) return;
    const line = number > count ? lineOf(text) : undefined;
    if (line !== undefined) yield [number, line];
  }
}

function lineOf(text: string): LogLine | undefined {
  try {
    const { t, s, d } = JSON.parse(text) as { t: number; s: LogLine["source"]; d: string };
    return { source: s, at: t, text: d };
  } catch {
    return undefined;
  }
}
