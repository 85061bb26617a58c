/** The client with resources, `client.vms`, `client.snapshots`, `client.quotas`, `client.me`, and the helpers above them. */
import { readClientConfig } from "./client-config.ts";
import type { ClientOptions } from "./client-config.ts";
import type { CreateBuildParams } from "./builds/build.ts";
import { BuildRun } from "./builds/build-run.ts";
import { BuildContexts, Builds } from "./builds/builds.ts";
import { SnapshotImports } from "./builds/snapshot-imports.ts";
import type { ApiPromise } from "./http/api-promise.ts";
import { HttpClient } from "./http/http-client.ts";
import type { ApiRequest, RequestOptions } from "./http/http-client.ts";
import { Events } from "./events.ts";
import { Webhooks } from "./webhooks.ts";
import { DiskUsages } from "./disk-usage.ts";
import { Quotas } from "./quotas.ts";
import { Audit } from "./audit.ts";
import { Keys } from "./keys.ts";
import { RegistryLogins } from "./registries.ts";
import { Images } from "./images.ts";
import type { TransferCalls, TransferOptions } from "./files/transfer.ts";
import { UserSshKeys } from "./ssh-keys/ssh-keys.ts";
import { Snapshots } from "./snapshots/snapshots.ts";
import { Volumes } from "./volumes/volumes.ts";
import type { Vm, VmRef } from "./vms/vm.ts";
import { Vms } from "./vms/vms.ts";
import type { WaitOptions } from "./vms/wait-until-running.ts";

export interface Health {
  readonly status?: string;
}

/** What a call by its path sends besides. */
export interface RawRequestOptions extends RequestOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** As of `builds.create`, with a Dockerfile and a folder of this machine. */
export interface BuildParams extends Omit<
  CreateBuildParams,
  "dockerfileContent" | "dockerfilePath" | "contextDownloadUrl"
> {
  /** The text of a Dockerfile. Default, with a folder: what stands in its `dockerfilePath`. */
  readonly dockerfile?: string | undefined;
  /** For COPY and ADD. What its `.dockerignore` names is not sent. Needs `tar` on this machine. */
  readonly contextDir?: string | undefined;
  /** Relative to the folder. Default `Dockerfile`. */
  readonly dockerfilePath?: string | undefined;
}

export class FastvmClient {
  readonly vms: Vms;
  readonly snapshots: Snapshots;
  readonly volumes: Volumes;
  readonly builds: Builds;
  readonly buildContexts: BuildContexts;
  readonly images: Images;
  readonly snapshotImports: SnapshotImports;
  readonly registries: RegistryLogins;
  readonly events: Events;
  readonly webhooks: Webhooks;
  readonly keys: Keys;
  /** Who changed what, and who tried to. */
  readonly audit: Audit;
  readonly quotas: Quotas;
  readonly diskUsage: DiskUsages;
  readonly me: { readonly sshKeys: UserSshKeys };
  readonly #options: ClientOptions;
  readonly #http: HttpClient;
  readonly baseURL: string;
  readonly #transfers: TransferCalls;

  /** Throws a FastvmError when no API key is given or set in the environment. */
  constructor(options: ClientOptions = {}) {
    const config = readClientConfig(options);
    this.#options = options;
    this.baseURL = config.baseUrl;
    this.#http = new HttpClient(config);
    this.vms = new Vms(this.#http);
    this.snapshots = new Snapshots(this.#http, this.vms);
    this.volumes = new Volumes(this.#http);
    this.builds = new Builds(this.#http);
    this.buildContexts = new BuildContexts(this.#http);
    this.images = new Images(this.#http);
    this.snapshotImports = new SnapshotImports(this.#http);
    this.registries = new RegistryLogins(this.#http);
    this.events = new Events(this.#http);
    this.webhooks = new Webhooks(this.#http);
    this.keys = new Keys(this.#http);
    this.audit = new Audit(this.#http);
    this.quotas = new Quotas(this.#http);
    this.diskUsage = new DiskUsages(this.#http);
    this.me = { sshKeys: new UserSshKeys(this.#http) };
    const { vms } = this;
    this.#transfers = { files: vms.files, run: (...call) => vms.run(...call), fetch: config.fetch };
  }

  /** Another client, with some settings changed. */
  withOptions(options: ClientOptions): FastvmClient {
    return new FastvmClient({ ...this.#options, ...options });
  }

  /** Any call by its path, for what a later server has and this package does not. */
  get<Result = unknown>(path: string, options?: RequestOptions): ApiPromise<Result> {
    return this.#raw("GET", path, options);
  }

  post<Result = unknown>(path: string, options?: RawRequestOptions): ApiPromise<Result> {
    return this.#raw("POST", path, options);
  }

  put<Result = unknown>(path: string, options?: RawRequestOptions): ApiPromise<Result> {
    return this.#raw("PUT", path, options);
  }

  patch<Result = unknown>(path: string, options?: RawRequestOptions): ApiPromise<Result> {
    return this.#raw("PATCH", path, options);
  }

  delete<Result = unknown>(path: string, options?: RawRequestOptions): ApiPromise<Result> {
    return this.#raw("DELETE", path, options);
  }

  #raw<Result>(
    method: ApiRequest["method"],
    path: string,
    options: RawRequestOptions = {},
  ): ApiPromise<Result> {
    const { body, ...rest } = options;
    return this.#http.json({
      method,
      path,
      body,
      options: rest,
      attempts: method === "POST" ? "once" : "retried",
    });
  }

  /** Whether the server is up. Needs no valid key. */
  health(options?: RequestOptions): ApiPromise<Health> {
    return this.#http.json({ method: "GET", path: "/healthz", options });
  }

  /** Resolves when the VM runs. The same as `vms.waitUntilRunning`. */
  waitForVmReady(vm: VmRef, options: WaitOptions & { readonly signal?: AbortSignal } = {}): Promise<Vm> {
    return this.vms.waitUntilRunning(vm, options);
  }

  /**
   * Copies a file or a folder of this machine into the VM, where a folder's contents join those of a folder that is there.
   * Memory use does not grow with the size. Folders need `tar` on this machine. Throws FileTransferError.
   */
  async upload(
    vm: VmRef,
    localPath: string,
    remotePath: string,
    options: TransferOptions = {},
  ): Promise<void> {
    // Loaded when it is needed: it works on local files, which a browser has not.
    const { upload } = await import("./files/upload.ts");
    await upload(this.#transfers, vm, localPath, remotePath, options);
  }

  /** The other direction, with the same rules. Throws FileTransferError, with code `ENOENT` for a missing path. */
  async download(
    vm: VmRef,
    remotePath: string,
    localPath: string,
    options: TransferOptions = {},
  ): Promise<void> {
    const { download } = await import("./files/download.ts");
    await download(this.#transfers, vm, remotePath, localPath, options);
  }

  /**
   * Builds a snapshot: `await` gives it, `for await` gives what the build prints until it ends. Throws a BuildFailedError with its
   * last lines, and a FileTransferError when the folder cannot be sent.
   */
  build(params: BuildParams, options: Pick<TransferOptions, "signal" | "onProgress"> = {}): BuildRun {
    const { signal } = options;
    return new BuildRun({
      start: async () => this.builds.create(await this.#buildOf(params, options), { signal }),
      follow: (build) => this.builds.follow(build, { signal }),
      wait: (build) => this.builds.wait(build, { signal }),
      snapshotOf: (id) => this.snapshots.retrieve(id, { signal }),
    });
  }

  async #buildOf(
    { dockerfile, contextDir, dockerfilePath, ...params }: BuildParams,
    options: Pick<TransferOptions, "signal" | "onProgress">,
  ): Promise<CreateBuildParams> {
    if (contextDir === undefined) return { ...params, dockerfileContent: dockerfile };
    // Loaded when it is needed, as above.
    const { sendContext } = await import("./builds/send-context.ts");
    const folder = { contextDir, dockerfilePath, dockerfile };
    const presign = () => this.buildContexts.presign({ signal: options.signal });
    return { ...params, ...(await sendContext({ presign, fetch: this.#transfers.fetch }, folder, options)) };
  }
}
