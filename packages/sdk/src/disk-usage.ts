/** `client.diskUsage`: what VMs and snapshots take of the host's disk. */
import type { ApiPromise } from "./http/api-promise.ts";
import type { HttpClient, RequestOptions } from "./http/http-client.ts";

export interface DiskShare {
  /** Of the VM or snapshot. */
  readonly id: string;
  /** What its files take: disk, captured memory and whatever else there is. */
  readonly usedBytes: number;
  /** Of these, what comes free when it alone is deleted; the rest it shares with others, or with a template. */
  readonly ownBytes: number;
}

export interface DiskUsage {
  /** Of the filesystem on which VMs lie, for all organisations. */
  readonly host: { readonly totalBytes: number; readonly freeBytes: number };
  /** What all VMs and snapshots below take together; what they share counts once. */
  readonly usedBytes: number;
  readonly vms: readonly DiskShare[];
  readonly snapshots: readonly DiskShare[];
}

export class DiskUsages {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Read from the files as they are: it takes longer the more there are. */
  retrieve(options?: RequestOptions): ApiPromise<DiskUsage> {
    return this.#http.json({ method: "GET", path: "/v1/org/disk", options });
  }
}
