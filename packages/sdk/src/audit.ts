/** `client.audit`: who changed what of the organisation, and who tried to; for a key that has the scope `admin`. */
import type { ApiPromise } from "./http/api-promise.ts";
import type { HttpClient, RequestOptions } from "./http/http-client.ts";

export interface AuditEntry {
  /** Counts the organisation's entries from 1, without gaps. */
  readonly id: number;
  /** RFC 3339. */
  readonly at: string;
  /** Of the key that was presented, which may be gone. */
  readonly keyId: string;
  /** The client's end of the connection; behind a proxy, the proxy's. */
  readonly address: string;
  readonly requestId: string;
  readonly api: "fastvm" | "nullspace" | "microsandbox";
  /** As the API's table calls it, such as `deleteVm`. */
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  /** Of the answer: from 400 on nothing was changed, or not all of it. */
  readonly status: number;
  /** Id of what it was about, or what the request called it. */
  readonly subject?: string;
  /** What changed of the subject's record, as it was; null where it began to exist. Without secrets. */
  readonly before?: Readonly<Record<string, unknown>> | null;
  /** As it was at the answer; null where it is gone. */
  readonly after?: Readonly<Record<string, unknown>> | null;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly hasMore: boolean;
}

/** What is left out does not matter. */
export interface ListAuditParams {
  /** Only entries above this number. */
  readonly after?: number | undefined;
  /** At most 1,000; default 100. */
  readonly limit?: number | undefined;
  /** Default `asc`, oldest first. */
  readonly order?: "asc" | "desc" | undefined;
  /** Id of a VM, which may be gone. */
  readonly vm?: string | undefined;
  /** Id of a key. */
  readonly key?: string | undefined;
  /** Such as `DELETE`. */
  readonly method?: string | undefined;
  readonly operation?: string | undefined;
}

export class Audit {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Who reads on after the last entry of a page misses none. */
  list({ after, limit, ...rest }: ListAuditParams = {}, options?: RequestOptions): ApiPromise<AuditPage> {
    const query = { ...rest, after: after?.toString(), limit: limit?.toString() };
    return this.#http.json({ method: "GET", path: "/v1/audit", query, options });
  }
}
