/** `client.registries`: who the organisation is to registries of images, when it pulls from them. */
import type { ApiPromise } from "./http/api-promise.ts";
import type { HttpClient, RequestOptions } from "./http/http-client.ts";
import { joinPath } from "./http/path.ts";
import type { DeletedResource } from "./vms/vm.ts";

export interface RegistryLogin {
  /** Host and perhaps port, as references of images begin: `docker.io`, `registry.example.com:5000`. */
  readonly registry: string;
  readonly username: string;
  /** RFC 3339, with its zone. */
  readonly createdAt: string;
  /** When it was last given. */
  readonly updatedAt: string;
}

export interface SetRegistryLoginParams {
  readonly username: string;
  /** Or a token of the registry's. Kept sealed; no answer has it. */
  readonly password: string;
}

export class RegistryLogins {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  list(options?: RequestOptions): ApiPromise<readonly RegistryLogin[]> {
    return this.#http.json({ method: "GET", path: "/v1/registries", options });
  }

  /** Throws NotFoundError when there is none. */
  retrieve(registry: string, options?: RequestOptions): ApiPromise<RegistryLogin> {
    return this.#http.json({ method: "GET", path: pathOf(registry), options });
  }

  /** In place of the one before. The registry is not asked. */
  set(registry: string, params: SetRegistryLoginParams, options?: RequestOptions): ApiPromise<RegistryLogin> {
    return this.#http.json({ method: "PUT", path: pathOf(registry), body: params, options });
  }

  /** Images that are here stay. */
  delete(registry: string, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({ method: "DELETE", path: pathOf(registry), options });
  }
}

function pathOf(registry: string): string {
  return joinPath("v1", "registries", registry);
}
