/** `client.volumes.files`: files of a volume, whether a VM has it or not. Paths are absolute, `/` being the volume. */
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import type { FileInfo } from "../files/file-info.ts";
import { FileTrees } from "../files/file-trees.ts";
import type { RecursiveOptions } from "../files/file-trees.ts";
import { FileWatch } from "../files/file-watch.ts";
import type { VolumeRef } from "./volume.ts";

export class VolumeFiles extends FileTrees {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    super(http, "volumes");
    this.#http = http;
  }

  /** One file, with its permissions; what is there is replaced. */
  copy(volume: VolumeRef, path: string, newPath: string, options?: RequestOptions): ApiPromise<FileInfo> {
    return this.change(volume, "copy", { path, newPath }, options);
  }

  /**
   * Resolves when the folder is watched: what happens from then on, whoever does it, is told to who iterates. It is looked at once a
   * second; a rename is a `remove` and a `create`.
   */
  watch(
    volume: VolumeRef,
    path: string,
    { recursive, ...options }: RecursiveOptions = {},
  ): Promise<FileWatch> {
    return FileWatch.open(this.#http, this.pathOf(volume, "watch"), { path, recursive }, options);
  }
}
