/**
 * Where connections wait whose address is under strain: what a session or a TLS handshake
 * costs must not be had as often as one likes. Waiting costs nothing.
 */
import type { Socket } from "node:net";
import type { AddressStrain } from "./address-strain.ts";
import { HeldSocket } from "./held-socket.ts";
import { ENTRANCE_MS, type StrangerLimits } from "./stranger-limits.ts";

interface Entrant {
  readonly address: string;
  readonly socket: Socket;
  /** `waited`: its address is under strain. */
  readonly enter: (waited: boolean) => void;
}

interface Waiting {
  readonly entrant: Entrant;
  readonly held: HeldSocket;
}

type Limits = Pick<StrangerLimits, "strain" | "waitingPerAddress" | "waiting">;

export class Entrance {
  readonly #limits: Limits;
  readonly #strain: AddressStrain;
  readonly #price: number;
  readonly #queues = new Map<string, Waiting[]>();
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `price`: the strain of coming in. */
  constructor(limits: Limits, strain: AddressStrain, price: number) {
    this.#price = price;
    this.#limits = limits;
    this.#strain = strain;
  }

  get waiting(): number {
    return this.#waiting;
  }

  arrive(entrant: Entrant): void {
    const queue = this.#queues.get(entrant.address);
    if (queue === undefined && this.#isOpenTo(entrant.address)) this.#admit(entrant, false);
    else this.#line(entrant, queue);
  }

  #isOpenTo(address: string): boolean {
    return this.#strain.levelOf(address) < this.#limits.strain;
  }

  #admit(entrant: Entrant, waited: boolean): void {
    this.#strain.add(entrant.address, this.#price);
    entrant.enter(waited);
  }

  #line(entrant: Entrant, queue: Waiting[] = []): void {
    if (queue.length >= this.#limits.waitingPerAddress) this.#turnOneAway(queue);
    if (this.#waiting >= this.#limits.waiting) return void entrant.socket.destroy();
    queue.push({ entrant, held: new HeldSocket(entrant.socket) });
    this.#queues.set(entrant.address, queue);
    this.#waiting += 1;
    this.#timer ??= setInterval(() => this.#look(), ENTRANCE_MS).unref();
  }

  /**
   * One that has left, else one that has sent more than clients do, else any: whoever means well among many that do not has a fair chance.
   */
  #turnOneAway(queue: Waiting[]): void {
    const gone = queue.findIndex(({ held }) => held.isGone);
    const full = queue.findIndex(({ held }) => held.isFull);
    const any = Math.floor(Math.random() * queue.length);
    const at = [gone, full, any].find((index) => index >= 0) ?? any;
    for (const { held } of queue.splice(at, 1)) held.destroy();
    this.#waiting -= 1;
  }

  #look(): void {
    for (const [address, queue] of this.#queues) {
      while (queue.length > 0 && this.#isOpenTo(address)) {
        const next = queue.shift();
        this.#waiting -= 1;
        if (next === undefined || next.held.isGone) continue;
        next.held.release();
        this.#admit(next.entrant, true);
      }
      if (queue.length === 0) this.#queues.delete(address);
    }
    if (this.#queues.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
