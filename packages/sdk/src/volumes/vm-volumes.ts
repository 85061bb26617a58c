/** `client.vms.volumes`: what a VM has of volumes. */
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { vmIdOf } from "../vms/vm.ts";
import type { VmRef } from "../vms/vm.ts";
import { volumeIdOf } from "./volume.ts";
import type { AttachVolumeParams, Detachment, VmVolume, VolumeRef } from "./volume.ts";

export interface DetachVolumeOptions extends RequestOptions {
  /** Also while the VM has files of it open. Default false. */
  readonly force?: boolean | undefined;
}

export class VmVolumes {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** As they are now. */
  list(vm: VmRef, options?: RequestOptions): ApiPromise<VmVolume[]> {
    return this.#http.json({ method: "GET", path: pathOf(vm), options });
  }

  /** In a running VM at once; a paused one has it when it goes on. Never repeated by itself. */
  attach(vm: VmRef, params: AttachVolumeParams, options?: RequestOptions): ApiPromise<VmVolume> {
    return this.#http.json({ method: "POST", path: pathOf(vm), body: params, attempts: "once", options });
  }

  /** Throws InternalServerError with code `guest_umount_busy` while the VM uses it; it stays then. */
  detach(
    vm: VmRef,
    volume: VolumeRef,
    { force, ...options }: DetachVolumeOptions = {},
  ): ApiPromise<Detachment> {
    return this.#http.json({
      method: "DELETE",
      path: pathOf(vm, volumeIdOf(volume)),
      query: { force: force?.toString() },
      gone: { detached: true } satisfies Detachment,
      options,
    });
  }
}

function pathOf(vm: VmRef, ...rest: readonly string[]): string {
  return joinPath("v1", "vms", vmIdOf(vm), "volumes", ...rest);
}
