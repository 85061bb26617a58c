/** `client.vms.bucketMounts`: buckets of object stores as folders of a VM, which are no POSIX. */
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { vmIdOf } from "../vms/vm.ts";
import type { VmRef } from "../vms/vm.ts";
import type { AttachBucketMountParams, BucketCredentials, BucketMount } from "./bucket-mount.ts";

export class BucketMounts {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  list(vm: VmRef, options?: RequestOptions): ApiPromise<BucketMount[]> {
    return this.#http.json({ method: "GET", path: pathOf(vm), options });
  }

  retrieve(vm: VmRef, bucketMountId: string, options?: RequestOptions): ApiPromise<BucketMount> {
    return this.#http.json({ method: "GET", path: pathOf(vm, bucketMountId), options });
  }

  attach(vm: VmRef, params: AttachBucketMountParams, options?: RequestOptions): ApiPromise<BucketMount> {
    return this.#http.json({ method: "POST", path: pathOf(vm), body: params, attempts: "once", options });
  }

  /** Gives it other credentials: it is mounted anew, or as before where the store refuses them. */
  update(
    vm: VmRef,
    bucketMountId: string,
    params: { readonly credentials: BucketCredentials },
    options?: RequestOptions,
  ): ApiPromise<BucketMount> {
    return this.#http.json({ method: "PATCH", path: pathOf(vm, bucketMountId), body: params, options });
  }

  delete(vm: VmRef, bucketMountId: string, options?: RequestOptions): ApiPromise<void> {
    return this.#http.json({ method: "DELETE", path: pathOf(vm, bucketMountId), options });
  }
}

function pathOf(vm: VmRef, ...rest: readonly string[]): string {
  return joinPath("v1", "vms", vmIdOf(vm), "bucket-mounts", ...rest);
}
