/** `client.volumes`: one method per call of the API's volume routes. */
import { VM_WORK_TIMEOUT_MS } from "../client-config.ts";
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import type { DeletedResource } from "../vms/vm.ts";
import { volumeIdOf } from "./volume.ts";
import type {
  CreateVolumeParams,
  UpdateVolumeParams,
  Volume,
  VolumeAttachment,
  VolumeRef,
} from "./volume.ts";
import { VolumeFiles } from "./volume-files.ts";

export class Volumes {
  /** Files of volumes, whether VMs have them or not. */
  readonly files: VolumeFiles;
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
    this.files = new VolumeFiles(http);
  }

  /** Resolves when it is ready. Never repeated by itself. */
  create(params: CreateVolumeParams, options?: RequestOptions): ApiPromise<Volume> {
    return this.#http.json({
      method: "POST",
      path: "/v1/volumes",
      body: params,
      attempts: "once",
      defaultTimeoutMs: VM_WORK_TIMEOUT_MS,
      options,
    });
  }

  list(options?: RequestOptions): ApiPromise<Volume[]> {
    return this.#http.json({ method: "GET", path: "/v1/volumes", options });
  }

  retrieve(volume: VolumeRef, options?: RequestOptions): ApiPromise<Volume> {
    return this.#http.json({ method: "GET", path: pathOf(volume), options });
  }

  /** The same as `retrieve`. */
  get(volume: VolumeRef, options?: RequestOptions): ApiPromise<Volume> {
    return this.retrieve(volume, options);
  }

  /** Only the fields that are given change. It grows while VMs use it. */
  update(volume: VolumeRef, params: UpdateVolumeParams, options?: RequestOptions): ApiPromise<Volume> {
    return this.#http.json({ method: "PATCH", path: pathOf(volume), body: params, options });
  }

  /** With all that is in it. Throws ConflictError with code `volume_busy` while a VM has it. */
  delete(volume: VolumeRef, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({ method: "DELETE", path: pathOf(volume), options });
  }

  /** The VMs that have it. */
  attachments(volume: VolumeRef, options?: RequestOptions): ApiPromise<VolumeAttachment[]> {
    return this.#http.json({ method: "GET", path: pathOf(volume, "attachments"), options });
  }
}

function pathOf(volume: VolumeRef, ...rest: readonly string[]): string {
  return joinPath("v1", "volumes", volumeIdOf(volume), ...rest);
}
