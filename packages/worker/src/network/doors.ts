/**
 * Keeps the second door of each VM (firewall/render-door.ts) as its policy has it. What is there is remembered, so that a launch under the
 * default policy, whose door the namespace was made with, costs no command; of several changes the last one wins. Tells what they counted.
 */
import type { Hits, NetworkPolicy } from "@fastvm/contract";
import type { DoorReport } from "../firewall/door-report.ts";
import { readDoors } from "../firewall/counters.ts";
import { parseListing, readDoor } from "../firewall/read-table.ts";
import { DEFAULT_DOOR, doorCommand, droppedCommand, listDoorCommand } from "../firewall/render-door.ts";
import type { DoorOptions } from "../firewall/render-door.ts";
import type { CommandShell } from "../host/command-shell.ts";
import { SerialQueue } from "../concurrency/serial-queue.ts";
import type { VmNetwork } from "./vm-network.ts";

interface Door {
  readonly vmNetwork: VmNetwork;
  wanted: NetworkPolicy;
  /** What the namespace has, as `keyOf`; not known of one that an earlier daemon left. */
  there: string | undefined;
}

export class Doors {
  readonly #shell: CommandShell;
  readonly #options: DoorOptions;
  readonly #onError: (error: unknown) => void;
  readonly #doors = new Map<number, Door>();
  readonly #queue = new SerialQueue();
  #readingDrops: Promise<ReadonlyMap<number, Hits>> | undefined;
  #isClosed = false;

  /** `onError` is told of doors that cannot be read. */
  constructor(shell: CommandShell, options: DoorOptions, onError: (error: unknown) => void) {
    this.#shell = shell;
    this.#options = options;
    this.#onError = onError;
  }

  /** Resolves when it is in force. `isNew`: nobody has been in the namespace since it was made. */
  set(vmNetwork: VmNetwork, policy: NetworkPolicy, { isNew = false } = {}): Promise<void> {
    const door = this.#doors.get(vmNetwork.index) ?? { vmNetwork, wanted: policy, there: undefined };
    door.wanted = policy;
    if (isNew) door.there = keyOf(DEFAULT_DOOR);
    this.#doors.set(vmNetwork.index, door);
    if (isNew && keyOf(policy) === door.there) return Promise.resolve();
    return this.#queue.run(() => this.#apply(vmNetwork, door));
  }

  /** `undefined` of one that there is not, or that cannot be read. */
  async report(index: number): Promise<DoorReport | undefined> {
    const door = this.#doors.get(index);
    if (door === undefined) return undefined;
    try {
      return readDoor(parseListing(await this.#shell.run(listDoorCommand(door.vmNetwork))));
    } catch (error) {
      if (this.#doors.get(index) === door) this.#onError(error);
      return undefined;
    }
  }

  /** What each has dropped, by its index; one that cannot be read is none. Who asks meanwhile is told the same. */
  async drops(): Promise<ReadonlyMap<number, Hits>> {
    this.#readingDrops ??= this.#readDrops().finally(() => (this.#readingDrops = undefined));
    return await this.#readingDrops;
  }

  async #readDrops(): Promise<ReadonlyMap<number, Hits>> {
    const drops = new Map<number, Hits>();
    const doors = [...this.#doors];
    if (doors.length === 0) return drops;
    try {
      const told = readDoors(
        await this.#shell.run(droppedCommand(doors.map(([, { vmNetwork }]) => vmNetwork))),
      );
      for (const [index, door] of doors) {
        const { namespace } = door.vmNetwork;
        const dropped = told.get(namespace) ?? "nothing was told of it";
        // It may have gone meanwhile, and another have its index.
        if (this.#doors.get(index) !== door) continue;
        if (typeof dropped !== "string") drops.set(index, dropped);
        else this.#onError(new Error(`What ${namespace} has dropped cannot be read: ${dropped}`));
      }
    } catch (error) {
      this.#onError(error);
    }
    return drops;
  }

  /** The namespace goes. */
  forget(vmNetwork: VmNetwork): void {
    this.#doors.delete(vmNetwork.index);
  }

  /** Doors stay as they are. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#queue.run(() => Promise.resolve());
  }

  async #apply(vmNetwork: VmNetwork, door: Door): Promise<void> {
    const { wanted } = door;
    const key = keyOf(wanted);
    if (this.#isClosed || this.#doors.get(vmNetwork.index) !== door || door.there === key) return;
    door.there = undefined;
    await this.#shell.run(doorCommand(vmNetwork, wanted, this.#options));
    door.there = key;
  }
}

/** What of a policy its door depends on. */
function keyOf({ ingress, egress, dns, maxConnections }: NetworkPolicy): string {
  const rules = [ingress.default, ingress.rules, egress.default, egress.rules];
  return JSON.stringify([...rules, dns.blockBypass, maxConnections ?? null]);
}
