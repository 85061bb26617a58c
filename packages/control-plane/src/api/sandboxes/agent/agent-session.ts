/** One client at a sandbox's agent: its frames, each to the call of its id. */
import type { AgentCall, AgentContext } from "./agent-context.ts";
import { ExecCall } from "./exec-call.ts";
import { FileCall } from "./file-call.ts";
import { FileHandles } from "./file-handles.ts";
import type { Frame, Payload } from "./frame.ts";
import { TcpCall } from "./tcp-call.ts";

interface SessionOptions {
  readonly context: Omit<AgentContext, "send">;
  readonly send: (frame: Frame) => Promise<void>;
  /** Refreshes the clock by which a sandbox is judged idle; resolves to its count. */
  readonly touch: () => number;
}

/** More at once no client has; the guest's own bound is 1,024 streams. */
const MAX_CALLS = 256;

type Opening = "core.exec.request" | "core.fs.request" | "core.tcp.connect";

export class AgentSession {
  readonly #options: SessionOptions;
  readonly #calls = new Map<number, AgentCall>();
  readonly #handles = new FileHandles();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Resolves when the next frame may come. */
  async receive({ id, type, payload }: Frame): Promise<void> {
    const call = this.#calls.get(id);
    if (call !== undefined) return await call.receive(type, payload);
    switch (type) {
      case "core.exec.request":
      case "core.fs.request":
      case "core.tcp.connect":
        return await this.#open(id, type, payload);
      case "core.ping":
        return await this.#send(id, "core.pong", {});
      case "core.touch":
        return await this.#send(id, "core.touched", { activity_seq: BigInt(this.#options.touch()) });
      case "core.fs.data":
        return await this.#send(id, "core.fs.response", {
          ok: false,
          error: `unknown write stream: ${id}`,
          data: null,
        });
      case "core.tcp.data":
      case "core.tcp.eof":
        return await this.#send(id, "core.tcp.failed", { error: `unknown TCP stream: ${id}` });
      case "core.tcp.close":
      case "core.exec.stdin":
      case "core.exec.signal":
      case "core.exec.resize":
        // Of a command or a connection that has ended meanwhile.
        return undefined;
      default:
        return await this.#send(id, "core.error", {
          kind: "unsupported_message_type",
          message: `${type.slice(0, 80)} is not supported`,
          offending_type: type,
        });
    }
  }

  async #open(id: number, type: Opening, payload: Payload): Promise<void> {
    if (this.#calls.size >= MAX_CALLS) {
      return await this.#send(id, "core.error", {
        kind: "invalid_session",
        message: `more than ${MAX_CALLS} calls at once`,
        offending_type: type,
      });
    }
    const context = {
      ...this.#options.context,
      send: (of: string, inside: Payload) => this.#send(id, of, inside),
    };
    const call = this.#callOf(type, context, payload);
    this.#calls.set(id, call);
    // A client that is gone is told nothing, and that is no failure.
    void call.ended.catch(() => undefined).then(() => this.#calls.delete(id));
  }

  #callOf(type: Opening, context: AgentContext, payload: Payload) {
    if (type === "core.exec.request") return new ExecCall(context, payload);
    if (type === "core.tcp.connect") return new TcpCall(context, payload);
    return new FileCall(context, this.#handles, payload);
  }

  #send(id: number, type: string, payload: Payload): Promise<void> {
    return this.#options.send({ id, type, payload });
  }
}
