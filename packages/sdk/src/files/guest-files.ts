/** `client.vms.files`: files of a running VM, with no shell in it. Relative paths begin at /root. */
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import type { VmRef } from "../vms/vm.ts";
import type { FileInfo } from "./file-info.ts";
import { FileTrees } from "./file-trees.ts";
import type { RecursiveOptions } from "./file-trees.ts";
import { FileWatch } from "./file-watch.ts";

export class GuestFiles extends FileTrees {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    super(http, "vms");
    this.#http = http;
  }

  /** Octal, such as `0600`. */
  setMode(vm: VmRef, path: string, mode: string, options?: RequestOptions): ApiPromise<FileInfo> {
    return this.change(vm, "set-mode", { path, mode }, options);
  }

  /** Resolves when the folder is watched: all that happens from then on is told to who iterates. */
  watch(vm: VmRef, path: string, { recursive, ...options }: RecursiveOptions = {}): Promise<FileWatch> {
    return FileWatch.open(this.#http, this.pathOf(vm, "watch"), { path, recursive }, options);
  }
}
