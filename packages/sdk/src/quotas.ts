/** `client.quotas`: what the organisation may use and what it uses. */
import type { ApiPromise } from "./http/api-promise.ts";
import type { HttpClient, RequestOptions } from "./http/http-client.ts";

export interface QuotaValues {
  readonly vcpu: number;
  readonly memoryMiB: number;
  readonly diskGiB: number;
  readonly snapshotCount: number;
  readonly volumeCount?: number;
  readonly volumeGiB?: number;
}

export interface QuotaUsage {
  readonly orgId: string;
  readonly limits: QuotaValues;
  readonly usage: QuotaValues;
  /** Of the host, for VMs of all organisations. Beyond it launches wait. */
  readonly host?: { readonly memoryMiB: number; readonly promisedMemoryMiB: number };
}

export class Quotas {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Paused VMs count against nothing. */
  retrieve(options?: RequestOptions): ApiPromise<QuotaUsage> {
    return this.#http.json({ method: "GET", path: "/v1/org/quotas", options });
  }
}
