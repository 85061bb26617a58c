/**
 * `client.vms.files`: beside the files of a VM the two calls that transfers are made of. `client.upload` and
 * `client.download` make them.
 */
import type { ExecResult } from "../exec/exec.ts";
import { execTimeoutMs } from "../exec/exec.ts";
import { VM_WORK_TIMEOUT_MS } from "../client-config.ts";
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { GuestFiles } from "./guest-files.ts";
import { vmIdOf } from "../vms/vm.ts";
import type { VmRef } from "../vms/vm.ts";

/** One staging object, reached from both sides: either may PUT to the one URL and GET from the other. */
export interface FilePresign {
  readonly uploadUrl: string;
  readonly downloadUrl: string;
  readonly expiresInSec: number;
  /** The VM's disk, in bytes. */
  readonly maxUploadBytes: number;
}

export interface FetchFileParams {
  /** A `downloadUrl` of `presign`; others are refused. */
  readonly url: string;
  /** Absolute path in the VM. */
  readonly path: string;
  readonly timeoutSec?: number | undefined;
}

export class Files extends GuestFiles {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    super(http);
    this.#http = http;
  }

  /** `path` only names the object; any is taken. */
  presign(vm: VmRef, params: { readonly path: string }, options?: RequestOptions): ApiPromise<FilePresign> {
    return this.#http.json({
      method: "POST",
      path: joinPath("v1", "vms", vmIdOf(vm), "files", "presign"),
      body: params,
      attempts: "once",
      options,
    });
  }

  /** Makes the VM fetch what was PUT to the staging object. The result's exit code says whether it could. */
  fetch(vm: VmRef, params: FetchFileParams, options?: RequestOptions): ApiPromise<ExecResult> {
    return this.#http.json({
      method: "POST",
      path: joinPath("v1", "vms", vmIdOf(vm), "files", "fetch"),
      body: params,
      attempts: "once",
      defaultTimeoutMs: execTimeoutMs(params.timeoutSec, VM_WORK_TIMEOUT_MS),
      options,
    });
  }
}
