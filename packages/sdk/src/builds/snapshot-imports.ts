/** `client.snapshotImports`: builds in the words of the newest API; each is shown by `client.builds`, too. */
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import type { DeletedResource, MachineType } from "../vms/vm.ts";
import { buildIdOf } from "./build.ts";
import type { BuildRef } from "./build.ts";

/** With `type: "image"`, `image`; with `type: "dockerfile"`, `contextRef`. Fields of the other are refused. */
export interface SnapshotImportSource {
  readonly type: "image" | "dockerfile";
  readonly image?: string | undefined;
  /** Only `linux/amd64`, which is the default. */
  readonly platform?: string | undefined;
  /** As `presignContext` answered, after a ZIP or `tar.gz` was PUT. Good for one import. */
  readonly contextRef?: string | undefined;
  /** Default `Dockerfile`. */
  readonly dockerfilePath?: string | undefined;
  readonly target?: string | undefined;
  readonly buildArgs?: Readonly<Record<string, string>> | undefined;
  readonly registryUsername?: string | undefined;
  readonly registryPassword?: string | undefined;
  /** Required with a user name and a Dockerfile. */
  readonly registryHost?: string | undefined;
}

export interface CreateSnapshotImportParams {
  readonly source: SnapshotImportSource;
  readonly name?: string | undefined;
  readonly machineType?: MachineType | undefined;
  readonly diskGiB?: number | undefined;
}

export interface SnapshotImportEvent {
  readonly phase: string;
  /** `started`, `completed`, `failed`, `skipped`, `cancelled`. */
  readonly status: string;
  readonly timestampMs: number;
  readonly message?: string;
}

export interface SnapshotImport {
  readonly id: string;
  readonly name?: string;
  /** `pending`, `running`, `succeeded`, `failed`, `cancelled`; another means in progress. */
  readonly status: string;
  readonly source: {
    readonly type: "image" | "dockerfile";
    readonly image?: string;
    readonly platform: string;
    readonly dockerfilePath?: string;
    readonly target?: string;
    readonly buildArgs?: Readonly<Record<string, string>>;
    readonly contextSizeBytes?: number;
  };
  readonly machineName: string;
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly diskGiB: number;
  readonly events: readonly SnapshotImportEvent[];
  readonly error?: string;
  /** Of one that has succeeded. */
  readonly snapshotId?: string;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly updatedAt: string;
}

export interface ContextPresign {
  readonly contextRef: string;
  /** PUT, without the API key. */
  readonly uploadUrl: string;
  readonly expiresInSec: number;
  readonly maxUploadBytes: number;
}

const PATH = "/v1/snapshot-imports";

export class SnapshotImports {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /** Answers at once; `retrieve` tells how it goes. Never repeated by itself. */
  create(params: CreateSnapshotImportParams, options?: RequestOptions): ApiPromise<SnapshotImport> {
    return this.#http.json({ method: "POST", path: PATH, body: params, attempts: "once", options });
  }

  /** Newest first. */
  list(options?: RequestOptions): ApiPromise<SnapshotImport[]> {
    return this.#http.json({ method: "GET", path: PATH, options });
  }

  retrieve(ref: BuildRef, options?: RequestOptions): ApiPromise<SnapshotImport> {
    return this.#http.json({ method: "GET", path: pathOf(ref), options });
  }

  /** Of one that has ended, with its image and the snapshot that it made. */
  delete(ref: BuildRef, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({ method: "DELETE", path: pathOf(ref), options });
  }

  cancel(ref: BuildRef, options?: RequestOptions): ApiPromise<SnapshotImport> {
    return this.#http.json({ method: "POST", path: pathOf(ref, "cancel"), attempts: "once", options });
  }

  /** Where the context of one import is PUT. */
  presignContext(
    params: { readonly sizeBytes?: number | undefined } = {},
    options?: RequestOptions,
  ): ApiPromise<ContextPresign> {
    const path = joinPath("v1", "snapshot-imports", "context-presign");
    return this.#http.json({ method: "POST", path, body: params, attempts: "once", options });
  }
}

function pathOf(ref: BuildRef, ...rest: readonly string[]): string {
  return joinPath("v1", "snapshot-imports", buildIdOf(ref), ...rest);
}
