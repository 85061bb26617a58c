/** What the world says of a name, ready to be sent: before the guest's policy, which may change while it is remembered. */

export interface Resolution {
  readonly rcode: number;
  /** The CNAME chain from the name asked for; the last target owns the records. */
  readonly chain: readonly Alias[];
  /** Of the type asked for. */
  readonly records: readonly ResolvedRecord[];
  /** The SOA record that lets the guest remember that there is nothing. */
  readonly authority?: Authority | undefined;
  /** For all of it, since it is remembered as one: the shortest, within the cache's bounds. */
  readonly ttlSec: number;
  /** What it takes in memory, about. */
  readonly bytes: number;
}

export interface Alias {
  /** Lower case. */
  readonly target: string;
  readonly wire: Buffer;
}

export interface ResolvedRecord {
  readonly rdata: Buffer;
  /** Of A and AAAA records. */
  readonly address?: ResolvedAddress | undefined;
}

export interface ResolvedAddress {
  readonly text: string;
  readonly guarded: boolean;
}

export interface Authority {
  readonly owner: Buffer;
  readonly rdata: Buffer;
}
