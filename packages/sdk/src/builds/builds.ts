/**
 * `client.builds` and `client.buildContexts`: snapshots made from images, as the documents have them. A server that has no
 * builds answers 404.
 */
import type { FilePresign } from "../files/files.ts";
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import type { MachineType } from "../vms/vm.ts";

/** Needs `imageRef` or `dockerfileContent`. */
export interface CreateBuildParams {
  /** Of the snapshot. Default: the build's id. */
  readonly name?: string | undefined;
  readonly imageRef?: string | undefined;
  /** The text of a Dockerfile. */
  readonly dockerfileContent?: string | undefined;
  readonly machineType?: MachineType | undefined;
  /** Default 10. */
  readonly diskGiB?: number | undefined;
  /** Of a `tar.gz` that was PUT where `buildContexts.presign` said. */
  readonly contextDownloadUrl?: string | undefined;
}

export interface Build {
  readonly id: string;
  /** `pending`, `running`, `completed`, `failed`; another means in progress. */
  readonly status: string;
  readonly createdAt: string;
  readonly imageRef: string;
  readonly name?: string;
  /** Of a build that is completed. */
  readonly snapshotId?: string;
  readonly progress?: string;
  /** Why it failed. */
  readonly error?: string;
}

export class Builds {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Answers at once; `retrieve` tells how it goes. */
  create(params: CreateBuildParams, options?: RequestOptions): ApiPromise<Build> {
    return this.#http.json({ method: "POST", path: "/v1/builds", body: params, attempts: "once", options });
  }

  retrieve(id: string, options?: RequestOptions): ApiPromise<Build> {
    return this.#http.json({ method: "GET", path: joinPath("v1", "builds", id), options });
  }
}

export class BuildContexts {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  presign(options?: RequestOptions): ApiPromise<FilePresign> {
    return this.#http.json({
      method: "POST",
      path: "/v1/build-contexts/presign",
      attempts: "once",
      options,
    });
  }
}
