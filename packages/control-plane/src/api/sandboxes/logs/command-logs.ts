/**
 * What commands printed that ran over agents' sockets, for whoever reads logs: the newest of it in memory, all that is kept in files.
 * Without a folder there is memory alone, and a new process has a new log, which its generation tells.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { LogFiles } from "./log-files.ts";
import type { LogLine } from "./log-line.ts";
import { LogRoom, type LogRoomOptions } from "./log-room.ts";

/** Of one sandbox, in memory; with all of them 32 MiB. */
const MAX_BYTES = 256 * 1024;
/** Those that were longest without a new line are put away. */
const MAX_SANDBOXES = 128;
/** What a line costs besides its text. */
const LINE_BYTES = 64;

export class CommandLog {
  /** Nobody else's: a cursor of another log is told by it. */
  readonly generation: bigint;
  readonly #files: LogFiles | undefined;
  #lines: LogLine[] = [];
  /** How many lines are not in memory any more. */
  #first: number;
  #bytes = 0;
  #readers = 0;
  #changed = Promise.withResolvers<void>();

  constructor(files?: LogFiles) {
    this.generation = files?.generation ?? randomBytes(8).readBigUInt64LE();
    this.#files = files;
    this.#first = files?.count ?? 0;
  }

  /** The number of the last line. */
  get count(): number {
    return this.#first + this.#lines.length;
  }

  get isOnDisk(): boolean {
    return this.#files !== undefined;
  }

  /** Whether nobody would miss it in memory. */
  get isIdle(): boolean {
    return this.#readers === 0 && this.#files?.isIdle !== false;
  }

  /** Resolves when there is room for more. */
  append(line: LogLine): Promise<void> {
    this.#lines.push(line);
    this.#bytes += costOf(line);
    while (this.#bytes > MAX_BYTES && this.#lines.length > 1) {
      const [oldest] = this.#lines.splice(0, 1);
      this.#first += 1;
      this.#bytes -= oldest === undefined ? 0 : costOf(oldest);
    }
    const written = this.#files?.append(line) ?? Promise.resolve();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    return written;
  }

  /** Those after a number of lines, as far as they are kept, with the number that each is. */
  async *after(count: number): AsyncGenerator<readonly [number: number, line: LogLine], void, undefined> {
    let at = count;
    for (;;) {
      const first = this.#first;
      if (at < first && this.#files !== undefined) yield* this.#files.between(at, first);
      at = Math.max(at, first);
      // What left memory meanwhile is in the files.
      if (at < this.#first) continue;
      const lines = this.#lines.slice(at - this.#first);
      for (const line of lines) yield [++at, line];
      if (at >= this.count) return;
    }
  }

  /** What another had in memory, when nobody appends to that any more. */
  adopt(other: CommandLog): void {
    for (const line of other.#lines) void this.append(line);
  }

  /** Resolves with the next line. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** As long as somebody follows it, it is the one that is appended to. */
  hold(): () => void {
    this.#readers += 1;
    return () => {
      this.#readers -= 1;
    };
  }
}

interface CommandLogsOptions extends Partial<LogRoomOptions> {
  /** Of a folder for each sandbox, by its id. */
  readonly folder?: string | undefined;
  readonly onError?: (error: unknown) => void;
}

interface Entry {
  log: CommandLog | undefined;
  readonly opening: Promise<CommandLog>;
}

export class CommandLogs {
  readonly #folder: string | undefined;
  readonly #onError: (error: unknown) => void;
  /** Of all sandboxes together. */
  readonly #room: LogRoom;
  readonly #logs = new Map<string, Entry>();

  constructor(options: CommandLogsOptions = {}) {
    const { folder, onError = () => undefined, freeBytesFloor = 0, freeBytes } = options;
    this.#folder = folder;
    this.#onError = onError;
    this.#room = new LogRoom({ freeBytesFloor, ...(freeBytes && { freeBytes }) }, onError);
  }

  /** The same for all who ask at once. */
  of(sandboxId: string): Promise<CommandLog> {
    const known = this.#usable(sandboxId) ?? this.#open(sandboxId);
    this.#logs.delete(sandboxId);
    this.#logs.set(sandboxId, known);
    for (const [id, { log }] of this.#logs) {
      if (this.#logs.size <= MAX_SANDBOXES) break;
      if (id !== sandboxId && log?.isIdle === true) this.#logs.delete(id);
    }
    return known.opening;
  }

  /** With its files. */
  async remove(sandboxId: string): Promise<void> {
    this.#logs.delete(sandboxId);
    if (this.#folder === undefined) return;
    await rm(join(this.#folder, sandboxId), { recursive: true, force: true });
  }

  /** Removes what sandboxes left that are gone, whoever deleted them. */
  async sweep(existing: (ids: readonly string[]) => Promise<ReadonlySet<string>>): Promise<void> {
    if (this.#folder === undefined) return;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const ids = await readdir(this.#folder);
    const there = await existing(ids);
    for (const id of ids) if (!there.has(id)) await this.remove(id).catch(this.#onError);
  }

  /** One that found no disk is tried there again, unless somebody follows it. */
  #usable(sandboxId: string): Entry | undefined {
    const known = this.#logs.get(sandboxId);
    const isStray = this.#folder !== undefined && known?.log?.isOnDisk === false && known.log.isIdle;
    return isStray ? undefined : known;
  }

  #open(sandboxId: string): Entry {
    const fallback = this.#logs.get(sandboxId)?.log;
    const entry: Entry = { log: undefined, opening: this.#read(sandboxId, fallback) };
    void entry.opening.then((log) => (entry.log = log));
    return entry;
  }

  /** Of a disk that takes nothing there is what memory has, until it takes it. */
  async #read(sandboxId: string, fallback?: CommandLog): Promise<CommandLog> {
    if (this.#folder === undefined) return new CommandLog();
    try {
      const generation = randomBytes(8).readBigUInt64LE();
      const options = { onError: this.#onError, room: this.#room };
      const files = await LogFiles.open(join(this.#folder, sandboxId), generation, options);
      if (fallback?.isIdle === false) return fallback;
      const log = new CommandLog(files);
      if (fallback !== undefined) log.adopt(fallback);
      return log;
    } catch (error) {
      // Once for all attempts.
      if (fallback === undefined) this.#onError(error);
      return fallback ?? new CommandLog();
    }
  }
}

function costOf({ text }: LogLine): number {
  return LINE_BYTES + Buffer.byteLength(text);
}
