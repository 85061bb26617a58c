/** A command of the fake worker, as whoever started it has it. */
import type { ExecEvent, ExecSession } from "@fastvm/contract";

/** What commands were told. */
export interface FakeTerminal {
  input: string;
  sizes: string[];
  signals: number[];
}

export class FakeSession implements ExecSession {
  readonly pid = Promise.resolve(4711);
  readonly #events: AsyncIterable<ExecEvent>;
  readonly #signal: AbortSignal | undefined;
  readonly #onKill: () => void;
  readonly #terminal: FakeTerminal;

  constructor(
    events: AsyncIterable<ExecEvent>,
    signal: AbortSignal | undefined,
    onKill: () => void,
    terminal: FakeTerminal,
  ) {
    this.#terminal = terminal;
    this.#events = events;
    this.#signal = signal;
    this.#onKill = onKill;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ExecEvent> {
    let ended = false;
    const iterator = this.#events[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await Promise.race([iterator.next(), aborted(this.#signal)]);
        if (next.done === true) return;
        ended = next.value.kind === "exit";
        yield next.value;
      }
    } finally {
      if (!ended) this.kill();
    }
  }

  writeStdin(data: Uint8Array): Promise<void> {
    this.#terminal.input += Buffer.from(data).toString();
    return Promise.resolve();
  }

  closeStdin(): void {
    // Nothing reads it.
  }

  resize(cols: number, rows: number): void {
    this.#terminal.sizes.push(`${cols}x${rows}`);
  }

  signal(number: number): void {
    this.#terminal.signals.push(number);
  }

  kill(): void {
    this.#onKill();
  }
}

export function aborted(signal: AbortSignal | undefined): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const fail = () => reject(signal?.reason instanceof Error ? signal.reason : new Error("aborted"));
  if (signal?.aborted === true) fail();
  else signal?.addEventListener("abort", fail, { once: true });
  return promise;
}

/** A command that has nothing to say. */
export async function* exitAtOnce(): AsyncGenerator<ExecEvent> {
  yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
}
