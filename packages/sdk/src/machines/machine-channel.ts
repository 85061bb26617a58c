/** One socket of a machine after the other: what is said first on each, what comes, and when it is tried again. */
import type { ClientConfig } from "../client-config.ts";
import { sleep } from "../http/deadline.ts";
import { toSnake } from "./camel.ts";
import { MachineError } from "./machine-error.ts";
import { messagesOf } from "./socket.ts";
import { parsed, PASSING } from "./stream-place.ts";

/** A daemon that comes back finds its machines first. */
const GIVE_UP_MS = 300_000;
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 2000;

type Message = Readonly<Record<string, unknown>>;

export class MachineChannel {
  readonly #config: ClientConfig;
  readonly #path: string;
  readonly #channel: string;
  readonly #first: () => object;
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  #messages: AsyncGenerator<string, void, undefined> | undefined;
  #say: ((text: string) => void) | undefined;
  #heardAt = Date.now();
  #failures = 0;

  /** `first`: what is said on each socket, by what came on those before it. */
  constructor(
    { config, path, channel, signal }: ChannelPlace & { readonly signal?: AbortSignal | undefined },
    first: () => object,
  ) {
    this.#config = config;
    this.#path = `${path}/ws`;
    this.#channel = channel;
    this.#first = first;
    this.#signal = signal === undefined ? this.#end.signal : AbortSignal.any([signal, this.#end.signal]);
  }

  get isClosed(): boolean {
    return this.#signal.aborted;
  }

  get isConnected(): boolean {
    return this.#say !== undefined;
  }

  /** `undefined` when the connection was lost: the next call makes another. Throws for what ends it. */
  async next(): Promise<Message | undefined> {
    const text = await this.#read();
    if (text === undefined) return this.#cutOff();
    this.#heardAt = Date.now();
    const message = parsed(text);
    if (message["type"] !== "error") {
      this.#failures = 0;
      return message;
    }
    const code = String(message["code"]);
    if (PASSING.includes(code)) return this.#cutOff();
    await this.close();
    throw new MachineError(String(message["message"]), { code });
  }

  say(message: object): void {
    if (this.#say === undefined)
      throw new MachineError("The session is not connected", { code: "connection_failed", retryable: true });
    this.#say(JSON.stringify(message));
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#drop();
  }

  async #read(): Promise<string | undefined> {
    this.#messages ??= messagesOf(
      this.#config,
      this.#path,
      { channel: this.#channel },
      this.#signal,
      (say) => {
        this.#say = say;
        say(JSON.stringify(toSnake(this.#first())));
      },
    );
    try {
      const next = await this.#messages.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      const isCut = error instanceof MachineError && error.code === "connection_failed";
      if (!isCut || Date.now() - this.#heardAt > GIVE_UP_MS) throw error;
      return undefined;
    }
  }

  async #cutOff(): Promise<undefined> {
    await this.#drop();
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10), LAST_PAUSE_MS);
    this.#failures += 1;
    if (!this.#signal.aborted) await sleep(pause, this.#signal).catch(() => undefined);
    return undefined;
  }

  async #drop(): Promise<void> {
    const messages = this.#messages;
    this.#messages = undefined;
    this.#say = undefined;
    await messages?.return();
  }
}

interface ChannelPlace {
  readonly config: ClientConfig;
  /** The machine's. */
  readonly path: string;
  readonly channel: string;
}

export function notBegun(): MachineError {
  const message = "The connection failed before the machine had answered";
  return new MachineError(message, { code: "connection_failed", retryable: true });
}
