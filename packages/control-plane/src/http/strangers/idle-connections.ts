/**
 * Strangers' connections without a request under way. They cost memory and a descriptor,
 * so there is a bound; those that were idle for longest go first.
 */
import type { StrangerLimits } from "./stranger-limits.ts";

interface Idle {
  readonly address: string;
  close(): void;
}

type Limits = Pick<StrangerLimits, "idlePerAddress" | "idle">;

export class IdleConnections<Connection extends Idle> {
  readonly #limits: Limits;
  readonly #all = new Set<Connection>();
  readonly #byAddress = new Map<string, Set<Connection>>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#all.size;
  }

  add(connection: Connection): void {
    const { address } = connection;
    const own = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, own.add(connection));
    this.#all.add(connection);
    if (own.size > this.#limits.idlePerAddress) this.#closeFirst(own);
    if (this.#all.size > this.#limits.idle) this.#closeFirst(this.#all);
  }

  delete(connection: Connection): void {
    if (!this.#all.delete(connection)) return;
    const own = this.#byAddress.get(connection.address);
    own?.delete(connection);
    if (own?.size === 0) this.#byAddress.delete(connection.address);
  }

  #closeFirst(among: Set<Connection>): void {
    const [first] = among;
    if (first === undefined) return;
    this.delete(first);
    first.close();
  }
}
