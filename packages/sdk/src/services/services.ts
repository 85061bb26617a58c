/** `client.vms.services`: names under which a VM's TCP ports are reached through the platform's proxy. */
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { namedIn, vmIdOf } from "../vms/vm.ts";
import type { OfVm, VmRef } from "../vms/vm.ts";

export interface Service {
  /** 1 to 29 of `a-z`, `0-9` and single inner hyphens. */
  readonly name: string;
  /** 1024 to 65535. */
  readonly port: number;
  /** Whether the proxy speaks cleartext HTTP/2 to the VM, which gRPC needs. */
  readonly h2c: boolean;
  /** Where it is reached by a host name of its own. It needs no key: whoever knows it may call. */
  readonly url?: string;
  /** The same by path, for places where that name does not resolve. */
  readonly pathUrl?: string;
}

export interface RegisterServiceParams {
  readonly name: string;
  readonly port: number;
  /** Default false: HTTP/1.1, with WebSocket and server-sent events. */
  readonly h2c?: boolean | undefined;
}

export class Services {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Sorted by name. */
  list(vm: VmRef, options?: RequestOptions): ApiPromise<Service[]> {
    return this.#http.json({ method: "GET", path: pathOf(vm), options });
  }

  /** Fine when it is there already; throws ConflictError when the name has another port. At most 16 a VM. */
  register(vm: VmRef, params: RegisterServiceParams, options?: RequestOptions): ApiPromise<Service> {
    return this.#http.json({ method: "POST", path: pathOf(vm), body: params, attempts: "once", options });
  }

  /** Makes the service or changes it. */
  update(
    serviceName: string,
    params: OfVm & Omit<RegisterServiceParams, "name">,
    options?: RequestOptions,
  ): ApiPromise<Service>;
  update(
    vm: VmRef,
    name: string,
    params: Omit<RegisterServiceParams, "name">,
    options?: RequestOptions,
  ): ApiPromise<Service>;
  update(
    first: VmRef,
    second: string | (OfVm & Omit<RegisterServiceParams, "name">),
    third?: Omit<RegisterServiceParams, "name"> | RequestOptions,
    fourth?: RequestOptions,
  ): ApiPromise<Service> {
    const isOurs = typeof second === "string";
    const [vm, name] = namedIn(first, second);
    const { id: _, ...published } = isOurs ? { id: "" } : second;
    const body = isOurs ? third : published;
    const options = isOurs ? fourth : (third as RequestOptions | undefined);
    return this.#http.json({ method: "PUT", path: pathOf(vm, name), body, options });
  }

  /** Fine when there is none. */
  delete(serviceName: string, params: OfVm, options?: RequestOptions): ApiPromise<void>;
  delete(vm: VmRef, name: string, options?: RequestOptions): ApiPromise<void>;
  delete(first: VmRef, second: string | OfVm, options?: RequestOptions): ApiPromise<void> {
    const path = pathOf(...namedIn(first, second));
    return this.#http.json({ method: "DELETE", path, accept: "*/*", options });
  }
}

function pathOf(vm: VmRef, ...rest: readonly string[]): string {
  return joinPath("v1", "vms", vmIdOf(vm), "services", ...rest);
}
