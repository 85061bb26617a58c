/** The client with resources: `client.vms`, `client.snapshots`, `client.quotas`, `client.health()`. */
import { readClientConfig } from "./client-config.ts";
import type { ClientOptions } from "./client-config.ts";
import { HttpClient } from "./http/http-client.ts";
import type { RequestOptions } from "./http/http-client.ts";
import { Quotas } from "./quotas.ts";
import { Snapshots } from "./snapshots/snapshots.ts";
import { Vms } from "./vms/vms.ts";

export interface Health {
  readonly status?: string;
}

export class FastvmClient {
  readonly vms: Vms;
  readonly snapshots: Snapshots;
  readonly quotas: Quotas;
  readonly #http: HttpClient;

  /** Throws a FastvmError when no API key is given or set in the environment. */
  constructor(options: ClientOptions = {}) {
    this.#http = new HttpClient(readClientConfig(options));
    this.vms = new Vms(this.#http);
    this.snapshots = new Snapshots(this.#http, this.vms);
    this.quotas = new Quotas(this.#http);
  }

  /** Whether the server is up. Needs no valid key. */
  health(options?: RequestOptions): Promise<Health> {
    return this.#http.json({ method: "GET", path: "/healthz", options });
  }
}
