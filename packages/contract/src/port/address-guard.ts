/** Where a connection that a client asked the host for may lead. */
import type { CallOptions } from "./call-options.ts";

export interface GuardedAddress {
  readonly address: string;
  readonly family: number;
}

export interface AddressGuard {
  /**
   * What a name means now, without what no client may reach by way of the host. The connection is to be made to one of these and not
   * by the name again, which may mean something else a moment later. Empty: all of it is guarded. Rejects when it means nothing.
   */
  addressesOf(host: string, options?: CallOptions): Promise<readonly GuardedAddress[]>;
}
