/** Makes networks of VMs: finds an index that nobody on this machine has, and takes it. */
import { randomInt } from "node:crypto";
import type { DoorOptions } from "../firewall/render-door.ts";
import type { CommandShell } from "../host/command-shell.ts";
import { indexesFrom, newPublicIpv6 } from "./addresses.ts";
import type { VmPrefix } from "./addresses.ts";
import { makeNamespace, removeNamespace } from "./namespace.ts";
import { NAMESPACE_PREFIX, vmNetworkOf } from "./vm-network.ts";
import type { Instance, VmNetwork } from "./vm-network.ts";

interface VmNetworkMakerOptions {
  readonly shell: CommandShell;
  readonly instance: Instance;
  readonly prefix: VmPrefix;
  /** The host's own address among its VMs; absent where it has no IPv6. */
  readonly hostIpv6: string | undefined;
  readonly door: DoorOptions;
}

export class VmNetworkMaker {
  readonly #options: VmNetworkMakerOptions;
  readonly #taken = new Set<number>();
  /** Daemons of one machine start at different places, so that they seldom meet. */
  #next = randomInt(32_768);

  constructor(options: VmNetworkMakerOptions) {
    this.#options = options;
  }

  async make(): Promise<VmNetwork> {
    const { instance, prefix } = this.#options;
    for (const index of indexesFrom(this.#next)) {
      if (this.#taken.has(index)) continue;
      this.#taken.add(index);
      this.#next = index + 1;
      const vmNetwork = vmNetworkOf(instance, { index, publicIpv6: newPublicIpv6(prefix) });
      if (await this.#claim(vmNetwork)) return vmNetwork;
    }
    throw new Error("No network address is free for another VM");
  }

  async #claim(vmNetwork: VmNetwork): Promise<boolean> {
    const { shell, instance, hostIpv6, door } = this.#options;
    try {
      return await makeNamespace(shell, instance, vmNetwork, { hostIpv6, door });
    } catch (error) {
      this.#taken.delete(vmNetwork.index);
      throw error;
    }
  }

  /** One that an adopted VM holds. */
  reserve(vmNetwork: VmNetwork): void {
    this.#taken.add(vmNetwork.index);
  }

  async remove(vmNetwork: VmNetwork): Promise<void> {
    await removeNamespace(this.#options.shell, vmNetwork.namespace);
    this.#taken.delete(vmNetwork.index);
  }

  /** Removes what an earlier daemon made and nobody uses. */
  async sweep(used: readonly VmNetwork[]): Promise<void> {
    const { shell, instance } = this.#options;
    const keep = new Set(used.map((vmNetwork) => vmNetwork.namespace));
    const names = (await shell.run("ls /run/netns 2>/dev/null || true")).split("\n");
    const ours = names.filter((name) => name.startsWith(`${NAMESPACE_PREFIX}${instance.name}-`));
    for (const name of ours) if (!keep.has(name)) await removeNamespace(shell, name);
  }
}
