/** The proxy of one VM: its order, its connections and what the daemon is asked of them. */
import type { Server, Socket } from "node:net";
import type { BlockedRequest, InterceptionOrder } from "@fastvm/contract";
import { Authority } from "./authority/authority.ts";
import { Leaves } from "./authority/leaves.ts";
import { intercept } from "./connection/intercept.ts";
import { MAX_CONNECTIONS, SILENCE_MS, VERDICT_MS } from "./limits.ts";
import type { Question, ToDaemon, ToProxy, Verdict } from "./wire.ts";

interface Settled {
  readonly order: InterceptionOrder;
  readonly leaves: Leaves;
}

export class EgressProxy {
  readonly #tell: (message: ToDaemon) => void;
  readonly #asked = new Map<number, (verdict: Verdict) => void>();
  readonly #open = new Set<Socket>();
  #settled: Settled | undefined;
  #settling: Promise<void> = Promise.resolve();
  #questions = 0;

  constructor(tell: (message: ToDaemon) => void) {
    this.#tell = tell;
  }

  /** Connections are served once there is an order; until then they are closed. */
  listen(server: Server): void {
    server.on("connection", (socket) => this.#serve(socket));
  }

  hear(message: ToProxy): void {
    if (message.kind === "verdict") {
      this.#asked.get(message.id)?.(message);
      this.#asked.delete(message.id);
      return;
    }
    this.#settling = this.#settling.then(() => this.#settle(message.order));
  }

  async #settle(order: InterceptionOrder): Promise<void> {
    const before = this.#settled?.order.authority;
    const isSame = before?.certificate === order.authority.certificate;
    const leaves =
      isSame && this.#settled !== undefined
        ? this.#settled.leaves
        : new Leaves(await Authority.open(order.authority), order.tls.cache);
    this.#settled = { order, leaves };
    // What was decided by another order is over: a secret that was taken away goes nowhere from now on.
    for (const socket of this.#open) socket.destroy();
    this.#tell({ kind: "settled" });
  }

  #serve(socket: Socket): void {
    const { localAddress, localPort } = socket;
    const settled = this.#settled;
    if (settled === undefined || this.#open.size >= MAX_CONNECTIONS) return void socket.destroy();
    if (localAddress === undefined || localPort === undefined) return void socket.destroy();
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    socket.setNoDelay(true);
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    const parts = {
      ...settled,
      ask: (question: Question) => this.#ask(question),
      blocked: (blocked: BlockedRequest) => this.#tell({ kind: "blocked", ...blocked }),
    };
    void intercept(parts, socket, { address: localAddress, port: localPort });
  }

  #ask(question: Question): Promise<Verdict> {
    const id = ++this.#questions;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        reject(new Error("the daemon does not answer"));
      }, VERDICT_MS);
      this.#asked.set(id, (verdict) => {
        clearTimeout(timer);
        resolve(verdict);
      });
      this.#tell({ kind: "ask", id, ...question });
    });
  }
}
