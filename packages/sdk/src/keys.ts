/** `client.keys`: the organisation's API keys, for a key that has the scope `admin`. */
import type { ApiPromise } from "./http/api-promise.ts";
import type { HttpClient, RequestOptions } from "./http/http-client.ts";
import { joinPath } from "./http/path.ts";
import type { DeletedResource } from "./vms/vm.ts";

/** Each of the first four has those before it. `metrics` is for the host's figures, and only its operator gives it. */
export type KeyScope = "read" | "run" | "manage" | "admin" | "metrics";

export interface Key {
  readonly id: string;
  readonly orgId: string;
  /** The API that it opens. */
  readonly api: "fastvm" | "nullspace" | "microsandbox";
  readonly name?: string;
  readonly scopes: readonly KeyScope[];
  /** RFC 3339, with its zone, like the others. */
  readonly createdAt: string;
  /** Absent: never. */
  readonly expiresAt?: string;
  /** To the minute or so. */
  readonly lastUsedAt?: string;
  readonly requestsPerMinute?: number;
}

/** With the key itself, which no other answer has. */
export interface NewKey extends Key {
  readonly key: string;
}

export interface CreateKeyParams {
  /** Default: `fastvm`. */
  readonly api?: Key["api"] | undefined;
  readonly name?: string | undefined;
  /** Default: `manage`. */
  readonly scopes?: readonly KeyScope[] | undefined;
  /** RFC 3339. Default: when the key that makes it does. */
  readonly expiresAt?: string | undefined;
  /** Default: as many as there are. */
  readonly requestsPerMinute?: number | undefined;
}

export class Keys {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Oldest first. */
  list(options?: RequestOptions): ApiPromise<readonly Key[]> {
    return this.#http.json({ method: "GET", path: PATH, options });
  }

  create(params: CreateKeyParams = {}, options?: RequestOptions): ApiPromise<NewKey> {
    return this.#http.json({ method: "POST", path: PATH, body: params, options });
  }

  /** It opens nothing more when this resolves. Throws NotFoundError when there is none. */
  revoke(id: string, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({ method: "DELETE", path: joinPath("v1", "org", "keys", id), options });
  }
}

const PATH = "/v1/org/keys";
