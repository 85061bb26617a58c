/** What a client says at a socket, one message after the other. It is read on when the one before is dealt with, so nothing piles up. */
import { FastvmError } from "@fastvm/contract";
import type { TSchema } from "typebox";
import type { RawData, WebSocket } from "ws";
import { checkerOf } from "../../shared/validation.ts";

type Checker = (value: unknown, prefix: string) => unknown;

export function checkersOf(schemas: Readonly<Record<string, TSchema>>): ReadonlyMap<string, Checker> {
  return new Map(Object.entries(schemas).map(([type, schema]) => [type, checkerOf(schema)]));
}

/** Throws `invalid_request` for what is none of these messages. */
export function parse(text: string, known: ReadonlyMap<string, Checker>): unknown {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch (cause) {
    throw new FastvmError("malformed_json", "a message is JSON", { cause });
  }
  const type: unknown = typeof said === "object" && said !== null && "type" in said ? said.type : undefined;
  const check = typeof type === "string" ? known.get(type) : undefined;
  if (check !== undefined) return check(said, "");
  const names = [...known.keys()].join(", ");
  throw new FastvmError("invalid_request", `the type of a message is one of ${names}`, { field: "type" });
}

/**
 * Of a client that has one thing to say, heard from this call on; `undefined` when nothing came in time. From then on its pings and its end
 * are heard, and whatever else it says is not.
 */
export async function onlyMessage(socket: WebSocket, inTime: AbortSignal): Promise<string | undefined> {
  await using inbox = new Inbox(socket);
  return await inbox.next(inTime);
}

/** From a message until the next one is asked for nothing is heard: neither a ping nor the client's end. */
export class Inbox implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #waiting: string[] = [];
  #wake: () => void = () => undefined;
  #isOver = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", this.#take);
    socket.once("close", this.#end);
  }

  /** `undefined`: nothing comes any more, or nothing came in time. */
  async next(signal?: AbortSignal): Promise<string | undefined> {
    const wake = (): void => this.#wake();
    const isLate = (): boolean => signal?.aborted === true;
    signal?.addEventListener("abort", wake, { once: true });
    try {
      while (this.#waiting.length === 0 && !this.#isOver && !isLate()) {
        this.#socket.resume();
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal?.removeEventListener("abort", wake);
    }
    return this.#waiting.shift();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#socket.off("message", this.#take);
    this.#end();
    // Its end is read as well.
    this.#socket.resume();
    return Promise.resolve();
  }

  readonly #take = (data: RawData): void => {
    this.#waiting.push(textOf(data));
    this.#socket.pause();
    this.#wake();
  };

  readonly #end = (): void => {
    this.#isOver = true;
    this.#wake();
  };
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
}
