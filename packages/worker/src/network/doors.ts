/**
 * Keeps the second door of each VM (firewall/render-door.ts) as its policy has it. What is there is remembered, so that a launch under the default policy, whose door the namespace was
 * made with, costs no command; of several changes the last one wins.
 */
import type { NetworkPolicy } from "@fastvm/contract";
import { DEFAULT_DOOR, doorCommand } from "../firewall/render-door.ts";
import type { DoorOptions } from "../firewall/render-door.ts";
import type { CommandShell } from "../host/command-shell.ts";
import { SerialQueue } from "../vm/serial-queue.ts";
import type { NetworkSlot } from "./network-slot.ts";

interface Door {
  wanted: NetworkPolicy;
  /** What the namespace has, as `keyOf`; not known of one that an earlier daemon left. */
  there: string | undefined;
}

export class Doors {
  readonly #shell: CommandShell;
  readonly #options: DoorOptions;
  readonly #doors = new Map<number, Door>();
  readonly #queue = new SerialQueue();
  #isClosed = false;

  constructor(shell: CommandShell, options: DoorOptions) {
    this.#shell = shell;
    this.#options = options;
  }

  /** Resolves when it is in force. `isNew`: nobody has been in the namespace since it was made. */
  set(slot: NetworkSlot, policy: NetworkPolicy, { isNew = false } = {}): Promise<void> {
    const door = this.#doors.get(slot.index) ?? { wanted: policy, there: undefined };
    door.wanted = policy;
    if (isNew) door.there = keyOf(DEFAULT_DOOR);
    this.#doors.set(slot.index, door);
    if (isNew && keyOf(policy) === door.there) return Promise.resolve();
    return this.#queue.run(() => this.#apply(slot, door));
  }

  /** The namespace goes. */
  forget(slot: NetworkSlot): void {
    this.#doors.delete(slot.index);
  }

  /** Doors stay as they are. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#queue.run(() => Promise.resolve());
  }

  async #apply(slot: NetworkSlot, door: Door): Promise<void> {
    const { wanted } = door;
    const key = keyOf(wanted);
    if (this.#isClosed || this.#doors.get(slot.index) !== door || door.there === key) return;
    door.there = undefined;
    await this.#shell.run(doorCommand(slot, wanted, this.#options));
    door.there = key;
  }
}

/** What of a policy its door depends on. */
function keyOf({ ingress, egress, dns }: NetworkPolicy): string {
  return JSON.stringify([ingress.default, ingress.rules, egress.default, egress.rules, dns.blockBypass]);
}
