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
import type { LogLine } from "./log-line.ts";
import type { LogRoom } from "./log-room.ts";

/** As clients of the local runtime have it. */
const FILE_BYTES = 10 * 1024 * 1024;
const MAX_FILES = 4;
/** What waits for the disk, beyond which whoever prints waits as well. */
const MAX_WAITING_CHARS = 1024 * 1024;
const NAME = /^([0-9a-f]{16})\.([0-9]{1,15})\.jsonl$/;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const LINE_FEED = 10;
/** Lines that found no room have empty ones in their place, up to so many; then another file begins. */
const MAX_LOST = 64 * 1024;

interface LogFile {
  readonly path: string;
  /** Lines before it. */
  readonly after: number;
  bytes: number;
}

interface LogFilesOptions {
  readonly onError: (error: unknown) => void;
  /** Absent: as long as the disk takes it. */
  readonly room?: LogRoom | undefined;
  readonly fileBytes?: number | undefined;
}

type Numbered = readonly [number: number, line: LogLine];

export class LogFiles {
  readonly generation: bigint;
  readonly #folder: string;
  readonly #options: LogFilesOptions;
  readonly #fileBytes: number;
  #files: LogFile[];
  /** Lines that were given to it, and that are on disk. */
  #given: number;
  #written: number;
  #waiting = "";
  #isWriting = false;
  /** Of the text that is on its way to the disk. */
  #round = Promise.withResolvers<void>();
  /** Lines before the next that found no room. */
  #lost = 0;

  /** What an earlier process left goes on, under its generation. */
  static async open(folder: string, newGeneration: bigint, options: LogFilesOptions): Promise<LogFiles> {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    const found = (await readdir(folder)).flatMap((name) => {
      const [, generation = "", after = ""] = NAME.exec(name) ?? [];
      return generation === "" ? [] : [{ generation, path: join(folder, name), after: Number(after) }];
    });
    const files: LogFile[] = [];
    for (const { path, after } of found.toSorted((one, other) => one.after - other.after))
      files.push({ path, after, bytes: (await stat(path)).size });
    const generation = found[0] === undefined ? newGeneration : BigInt(`0x${found[0].generation}`);
    const log = new LogFiles(folder, generation, options, files);
    const last = files.at(-1);
    if (last === undefined) return log;
    const { lines, isWhole } = await countLines(last.path);
    log.#given = log.#written = last.after + lines;
    // One that was only begun would have the next file's name; and nothing is added to half a line.
    if (lines === 0) {
      await rm(last.path, { force: true });
      files.pop();
    }
    if (lines === 0 || !isWhole) log.#close();
    return log;
  }

  private constructor(folder: string, generation: bigint, options: LogFilesOptions, files: LogFile[]) {
    this.#folder = folder;
    this.generation = generation;
    this.#options = options;
    this.#fileBytes = options.fileBytes ?? FILE_BYTES;
    this.#files = files;
    this.#given = this.#written = files.at(-1)?.after ?? 0;
  }

  /** The number of the last line. */
  get count(): number {
    return this.#given;
  }

  get isIdle(): boolean {
    return !this.#isWriting;
  }

  /** Resolves when there is room for more; a disk that takes nothing is told to `onError`, and lines are lost. */
  append({ at, source, text }: LogLine): Promise<void> {
    this.#given += 1;
    this.#waiting += `${JSON.stringify({ t: at, s: source, d: text })}\n`;
    if (!this.#isWriting) void this.#write();
    return this.#waiting.length > MAX_WAITING_CHARS ? this.#round.promise : Promise.resolve();
  }

  /** Lines after one number up to another, as far as they are kept, once they are on disk. */
  async *between(count: number, upTo: number): AsyncGenerator<Numbered, void, undefined> {
    // At most what is on its way and what comes next: others may print for ever.
    while (this.#written < upTo && this.#isWriting) await this.#round.promise;
    for (const [index, { path, after }] of [...this.#files].entries()) {
      const end = Math.min(upTo, this.#files[index + 1]?.after ?? this.#written);
      if (end <= count || after >= upTo) continue;
      yield* linesOf(path, after, count, end);
    }
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting !== "") {
      const [text, given] = [this.#waiting, this.#given];
      this.#waiting = "";
      try {
        if ((await this.#options.room?.isThere(this.#folder)) !== false) await this.#add(text);
        else this.#lost += given - this.#written;
      } catch (error) {
        this.#options.onError(error);
        this.#close();
      }
      this.#written = given;
      this.#round.resolve();
      this.#round = Promise.withResolvers();
    }
    this.#isWriting = false;
  }

  async #add(text: string): Promise<void> {
    if (this.#lost > MAX_LOST) this.#close();
    const file = await this.#fileFor();
    const lines = "\n".repeat(this.#lost) + text;
    await appendFile(file.path, lines, { mode: FILE_MODE });
    file.bytes += Buffer.byteLength(lines);
    this.#lost = 0;
  }

  /** Nothing is added to the last file any more; its numbers end where the next begins. */
  #close(): void {
    const last = this.#files.at(-1);
    if (last !== undefined) last.bytes = this.#fileBytes;
    this.#lost = 0;
  }

  async #fileFor(): Promise<LogFile> {
    const last = this.#files.at(-1);
    if (last !== undefined && last.bytes < this.#fileBytes) return last;
    // A new one begins after whatever was lost.
    this.#lost = 0;
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

/** Of one file, which may be gone, by rotation or with its sandbox: then it has none. */
async function* linesOf(
  path: string,
  after: number,
  count: number,
  end: number,
): AsyncGenerator<Numbered, void, undefined> {
  let number = after;
  try {
    for await (const text of piecesOf(path)) {
      number += 1;
      const line = number > count ? lineOf(text) : undefined;
      if (line !== undefined) yield [number, line];
      if (number >= end) return;
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

/** What ends with LF alone: JSON's texts have in them what else ends lines. What follows the last is no line yet. */
async function* piecesOf(path: string): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = [];
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, at)]);
      parts = [];
      from = at + 1;
    }
    parts.push(chunk.subarray(from));
  }
}

function lineOf(json: Buffer): LogLine | undefined {
  try {
    const { t, s, d } = JSON.parse(json.toString()) as { t: number; s: LogLine["source"]; d: string };
    return { source: s, at: t, text: d };
  } catch {
    return undefined;
  }
}
