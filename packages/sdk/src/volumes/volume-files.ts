/** `client.volumes.files`: files of a volume, whether a VM has it or not. Paths are absolute, `/` being the volume. */
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import type { FileInfo } from "../files/file-info.ts";
import { FileTrees } from "../files/file-trees.ts";
import type { VolumeRef } from "./volume.ts";

export class VolumeFiles extends FileTrees {
  constructor(http: HttpClient) {
    super(http, "volumes");
  }

  /** One file, with its permissions; what is there is replaced. */
  copy(volume: VolumeRef, path: string, newPath: string, options?: RequestOptions): ApiPromise<FileInfo> {
    return this.change(volume, "copy", { path, newPath }, options);
  }
}
