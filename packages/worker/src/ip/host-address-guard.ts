/** Keeps connections that clients ask the host for out of the networks around it, but for those that its operator opens. */
import type { AddressGuard, CallOptions, GuardedAddress } from "@fastvm/contract";
import { isGuarded } from "./guarded-ranges.ts";
import { contains, parseAddress, parseNetwork, type IpNetwork } from "./ip-network.ts";
import { lookupAddresses } from "./lookup-addresses.ts";

export class HostAddressGuard implements AddressGuard {
  readonly #open: readonly IpNetwork[];

  /** Throws for what is no network, which may have been meant to open another. */
  constructor(openNetworks: readonly string[]) {
    this.#open = openNetworks.map((text) => {
      const network = parseNetwork(text);
      if (network === undefined)
        throw new Error(`A network is an address or a prefix, such as 10.1.0.0/16, not "${text}"`);
      return network;
    });
  }

  async addressesOf(host: string, { signal }: CallOptions = {}): Promise<readonly GuardedAddress[]> {
    const all = await lookupAddresses(host, signal);
    return all.filter(({ address }) => !isGuarded(address) || this.#isOpened(address));
  }

  #isOpened(text: string): boolean {
    const address = parseAddress(text);
    return address !== undefined && this.#open.some((network) => contains(network, address));
  }
}
