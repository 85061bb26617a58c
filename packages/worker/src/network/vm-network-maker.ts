/** Makes network slots: finds an index that nobody on this machine has, and takes it. */
import { randomInt } from "node:crypto";
import type { DoorOptions } from "../firewall/render-door.ts";
import type { CommandShell } from "../host/command-shell.ts";
import { indexesFrom, newPublicIpv6 } from "./addresses.ts";
import type { VmPrefix } from "./addresses.ts";
import { makeNamespace, removeNamespace } from "./namespace.ts";
import { NAMESPACE_PREFIX, networkSlot } from "./vm-network.ts";
import type { Instance, NetworkSlot } from "./vm-network.ts";

export interface SlotMakerOptions {
  readonly shell: CommandShell;
  readonly instance: Instance;
  readonly prefix: VmPrefix;
  /** The host's own address among its VMs; absent where it has no IPv6. */
  readonly hostIpv6: string | undefined;
  readonly door: DoorOptions;
}

export class SlotMaker {
  readonly #options: SlotMakerOptions;
  readonly #taken = new Set<number>();
  /** Daemons of one machine start at different places, so that they seldom meet. */
  #next = randomInt(32_768);

  constructor(options: SlotMakerOptions) {
    this.#options = options;
  }

  async make(): Promise<NetworkSlot> {
    const { instance, prefix } = this.#options;
    for (const index of indexesFrom(this.#next)) {
      if (this.#taken.has(index)) continue;
      this.#taken.add(index);
      this.#next = index + 1;
      const slot = networkSlot(instance, { index, publicIpv6: newPublicIpv6(prefix) });
      if (await this.#claim(slot)) return slot;
    }
    throw new Error("No network address is free for another VM");
  }

  async #claim(slot: NetworkSlot): Promise<boolean> {
    const { shell, instance, hostIpv6, door } = this.#options;
    try {
      return await makeNamespace(shell, instance, slot, { hostIpv6, door });
    } catch (error) {
      this.#taken.delete(slot.index);
      throw error;
    }
  }

  /** One that an adopted VM holds. */
  reserve(slot: NetworkSlot): void {
    this.#taken.add(slot.index);
  }

  async remove(slot: NetworkSlot): Promise<void> {
    await removeNamespace(this.#options.shell, slot.namespace);
    this.#taken.delete(slot.index);
  }

  /** Removes what an earlier daemon made and nobody uses. */
  async sweep(used: readonly NetworkSlot[]): Promise<void> {
    const { shell, instance } = this.#options;
    const keep = new Set(used.map((slot) => slot.namespace));
    const names = (await shell.run("ls /run/netns 2>/dev/null || true")).split("\n");
    const ours = names.filter((name) => name.startsWith(`${NAMESPACE_PREFIX}${instance.name}-`));
    for (const name of ours) if (!keep.has(name)) await removeNamespace(shell, name);
  }
}
