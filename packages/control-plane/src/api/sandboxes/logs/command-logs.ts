/**
 * What commands printed that ran over agents' sockets, for whoever reads logs. It is kept in memory, bounded, and where the socket was:
 * it does not outlive this process, which a new generation of the log tells.
 */
import { randomBytes } from "node:crypto";

export type OutputSource = "stdout" | "stderr" | "output";

export interface LogLine {
  readonly source: OutputSource | "system";
  readonly at: number;
  readonly text: string;
  /** That the sandbox failed. */
  readonly isFailure?: boolean;
}

/** Of one sandbox, of which a reader that comes late sees the newest; with all of them 32 MiB. */
const MAX_BYTES = 256 * 1024;
/** Those that were longest without a new line are forgotten. */
const MAX_SANDBOXES = 128;
/** What a line costs besides its text. */
const LINE_BYTES = 64;

export class CommandLog {
  /** Nobody else's: a cursor of another log is told by it. */
  readonly generation = randomBytes(8).readBigUInt64LE();
  #lines: LogLine[] = [];
  /** How many lines were forgotten. */
  #first = 0;
  #bytes = 0;
  #changed = Promise.withResolvers<void>();

  append(line: LogLine): void {
    this.#lines.push(line);
    this.#bytes += costOf(line);
    while (this.#bytes > MAX_BYTES && this.#lines.length > 1) {
      const [oldest] = this.#lines.splice(0, 1);
      this.#first += 1;
      this.#bytes -= oldest === undefined ? 0 : costOf(oldest);
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Those after a number of lines, as far as they are kept, with the number that each is. */
  after(count: number): readonly (readonly [number: number, line: LogLine])[] {
    const from = Math.max(count - this.#first, 0);
    return this.#lines.slice(from).map((line, index) => [this.#first + from + index + 1, line] as const);
  }

  /** Resolves with the next line. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }
}

export class CommandLogs {
  readonly #logs = new Map<string, CommandLog>();

  of(sandboxId: string): CommandLog {
    const log = this.#logs.get(sandboxId) ?? new CommandLog();
    this.#logs.delete(sandboxId);
    this.#logs.set(sandboxId, log);
    const [oldest] = this.#logs.keys();
    if (this.#logs.size > MAX_SANDBOXES && oldest !== undefined) this.#logs.delete(oldest);
    return log;
  }
}

function costOf({ text }: LogLine): number {
  return LINE_BYTES + Buffer.byteLength(text);
}
