/** A command's stream in the guest as the session that the control plane reads. */
import { FastvmError } from "@fastvm/contract";
import type { ExecEvent, ExecSession } from "@fastvm/contract";
import type { ExecStream } from "../guest-link/exec-stream.ts";
import { KillDeadline } from "./kill-deadline.ts";

/** 128 + SIGKILL. */
const KILLED_EXIT_CODE = 137;
/** As coreutils' timeout(1) has it. */
const TIMED_OUT_EXIT_CODE = 124;
const MAX_TERMINAL_CELLS = 0xffff;

interface SessionOptions {
  readonly timeoutMs: number | undefined;
  /** Whether `writeStdin` reaches the command. */
  readonly hasOpenStdin: boolean;
}

type Result = IteratorResult<ExecEvent, undefined>;

export class StreamSession implements ExecSession {
  readonly #stream: ExecStream;
  readonly #deadline: KillDeadline;
  readonly #hasOpenStdin: boolean;
  #isOver = false;

  constructor(stream: ExecStream, options: SessionOptions) {
    this.#stream = stream;
    this.#hasOpenStdin = options.hasOpenStdin;
    this.#deadline = new KillDeadline(stream, options.timeoutMs);
  }

  /** All iterators of a session share its one stream of events. */
  [Symbol.asyncIterator](): AsyncIterator<ExecEvent, undefined> {
    return { next: () => this.#next(), return: () => this.#return() };
  }

  get pid(): Promise<number | undefined> {
    return this.#stream.pid;
  }

  async writeStdin(data: Uint8Array): Promise<void> {
    if (!this.#hasOpenStdin) {
      throw new FastvmError("invalid_request", "the command was started without an open stdin", {
        field: "stdin",
      });
    }
    await this.#stream.write(data);
  }

  closeStdin(): void {
    if (this.#hasOpenStdin) this.#stream.end();
  }

  resize(cols: number, rows: number): void {
    this.#stream.resize(cells(rows), cells(cols));
  }

  signal(number: number): void {
    this.#stream.signal(number);
  }

  kill(): void {
    this.#deadline.kill();
  }

  async #next(): Promise<Result> {
    if (this.#isOver) return { done: true, value: undefined };
    try {
      const chunk = await this.#stream.read();
      if (chunk !== undefined) {
        return {
          done: false,
          value: { kind: chunk.channel === 0 ? "stdout" : "stderr", data: chunk.data },
        };
      }
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
    this.#isOver = true;
    return { done: false, value: this.#exitEvent() };
  }

  async #return(): Promise<Result> {
    this.#isOver = true;
    this.#stream.reset(new FastvmError("conflict", "the command's output was read no further"));
    return { done: true, value: undefined };
  }

  #exitEvent(): ExecEvent {
    const exit = this.#stream.exit;
    if (exit === undefined)
      throw new FastvmError("internal", "a command's stream ended without an exit code");
    const timedOut = this.#deadline.hasExpired && exit.exitCode === KILLED_EXIT_CODE;
    return {
      kind: "exit",
      exitCode: timedOut ? TIMED_OUT_EXIT_CODE : exit.exitCode,
      timedOut,
      durationMs: exit.durationMs,
      ...(exit.signal > 0 && { signal: exit.signal }),
      ...(exit.diagnostic !== "" && { diagnostic: exit.diagnostic }),
    };
  }
}

/** What a terminal can be told: 1 to 65,535. */
function cells(count: number): number {
  return Math.max(1, Math.min(MAX_TERMINAL_CELLS, Math.trunc(count)));
}
