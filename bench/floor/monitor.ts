/** The least that drives QEMU's monitor: one command at a time, events by name. */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const CONNECT_DEADLINE_MS = 60_000;
const CONNECT_RETRY_MS = 2;

type Message = Readonly<Record<string, unknown>>;

export class Monitor {
  readonly #socket: Socket;
  readonly #unread: Message[] = [];
  #text = "";
  #wake = Promise.withResolvers<void>();
  #lost: Error | undefined;

  static async connect(path: string): Promise<Monitor> {
    const monitor = new Monitor(await connectWhenThere(path));
    await monitor.next((message) => "QMP" in message);
    await monitor.execute("qmp_capabilities");
    return monitor;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => this.#receive(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#lost = new Error("QEMU closed its monitor");
      this.#wake.resolve();
    });
  }

  async execute(command: string, args: Message = {}): Promise<void> {
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    const answer = await this.next((message) => "return" in message || "error" in message);
    if ("error" in answer) throw new Error(`${command}: ${JSON.stringify(answer["error"])}`);
  }

  /** The next message that fits; those before it are dropped. */
  async next(fits: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const message = this.#unread.shift();
      if (message !== undefined && fits(message)) return message;
      if (message !== undefined) continue;
      if (this.#lost !== undefined) throw this.#lost;
      await this.#wake.promise;
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: string): void {
    const lines = (this.#text + chunk).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) this.#unread.push(JSON.parse(line) as Message);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

/** Also of the guest link: QEMU makes its sockets some time after it was started. */
export async function connectWhenThere(path: string): Promise<Socket> {
  const deadline = Date.now() + CONNECT_DEADLINE_MS;
  for (;;) {
    const socket = connect(path);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once("connect", resolve);
        socket.once("error", reject);
      });
      return socket;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(CONNECT_RETRY_MS);
    }
  }
}
