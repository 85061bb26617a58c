/** `SandboxesClient`: sandboxes by name, in the types of this module. */
import { readSandboxesConfig } from "../client-config.ts";
import type { ClientConfig, ClientOptions } from "../client-config.ts";
import { VMLaunchError, VMNotReadyError } from "../errors.ts";
import { sleep } from "../http/deadline.ts";
import { HttpClient } from "../http/http-client.ts";
import type { ApiRequest, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import type { ForkedSandbox, SandboxMetrics, SandboxOrder, SandboxSnapshot } from "./answers.ts";
import type { SandboxVolume, VerifiedSnapshot } from "./answers.ts";
import { execInSandbox } from "./exec.ts";
import type { SandboxExecOptions, SandboxExecResult } from "./exec.ts";
import { followLog } from "./follow-log.ts";
import type { FollowLogOptions, SandboxLogLine } from "./follow-log.ts";
import { StartPatience } from "./start-patience.ts";
import type {
  CloudMessageResponse,
  CloudPaginated,
  CloudSandbox,
  SnapshotSpec,
  VolumeSpec,
} from "./types.ts";

/** By its name, or by the id that it has and none after it will. */
export type SandboxRef = string | { readonly id: string };

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface StartOptions extends CallOptions {
  /**
   * Until it runs, in all; then a VMNotReadyError is thrown. A server that does not answer is given 5 s more, and then an
   * APIConnectionTimeoutError is thrown. Default 300,000.
   */
  readonly timeoutMs?: number | undefined;
}

export interface CreateOptions extends StartOptions {
  /** `false`: it is only recorded. */
  readonly start?: boolean | undefined;
}

export interface ListOptions extends CallOptions {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Of the page before. */
  readonly cursor?: string | undefined;
  /** At most 100; default 20. */
  readonly limit?: number | undefined;
}

const ROOT = "/v1/sandboxes";
const SNAPSHOTS = "/v1/sandbox-snapshots";
const VOLUMES = "/v1/volumes";
const LOOK_EVERY_MS = 500;
/** Of what a first attempt deleted whose answer was lost. */
const GONE: CloudMessageResponse = { message: "it was deleted" };
/** Of what moves a whole VM. */
const WORK_MS = 300_000;

type Call = Partial<Pick<ApiRequest, "query" | "body" | "defaultTimeoutMs" | "until" | "attempts" | "gone">> &
  Pick<RequestOptions, "signal" | "timeoutMs">;

export class SandboxesClient {
  readonly #config: ClientConfig;
  readonly #http: HttpClient;

  /** Default: the environment's `MSB_API_KEY` and `MSB_API_URL`. */
  constructor(options: ClientOptions = {}) {
    this.#config = readSandboxesConfig(options);
    this.#http = new HttpClient(this.#config);
  }

  /** Resolves when it runs. Throws a VMLaunchError where it fails to; then it is there, and says why. */
  async create(order: SandboxOrder, options: CreateOptions = {}): Promise<CloudSandbox> {
    const { start = true, signal } = options;
    if (!start) return await this.#call("POST", ROOT, { body: order, attempts: "once", signal });
    const patience = this.#patience(options);
    const query = { start: "true", ...patience.query };
    const call = { query, body: order, ...patience.orderLimit, attempts: "once", signal } as const;
    return await this.#running(await this.#call("POST", ROOT, call), patience, signal);
  }

  async get(ref: SandboxRef, options: CallOptions = {}): Promise<CloudSandbox> {
    return await this.#call("GET", pathOf(ref), options);
  }

  /** Newest first, by pages. */
  async list({ labels, cursor, limit, signal }: ListOptions = {}): Promise<CloudPaginated<CloudSandbox>> {
    const query = { cursor, limit: limit?.toString(), labels: labels && JSON.stringify(labels) };
    return await this.#call("GET", ROOT, { query, signal });
  }

  /** As `create`. */
  async start(ref: SandboxRef, options: StartOptions = {}): Promise<CloudSandbox> {
    const { signal } = options;
    const patience = this.#patience(options);
    const call = {
      query: patience.query,
      body: {},
      ...patience.orderLimit,
      attempts: "once",
      signal,
    } as const;
    return await this.#running(await this.#call("POST", `${pathOf(ref)}/start`, call), patience, signal);
  }

  /** Its disk is kept, unless it is ephemeral: then it is gone. */
  async stop(ref: SandboxRef, { signal }: CallOptions = {}): Promise<CloudSandbox> {
    // By the id, as a repetition must not meet another that has the name by now.
    const found = await this.get(ref, { signal });
    const call = { body: {}, defaultTimeoutMs: WORK_MS, gone: { ...found, status: "stopped" }, signal };
    return await this.#call("POST", `${pathOf(found)}/stop`, call);
  }

  /** With all that is in it. */
  async delete(ref: SandboxRef, options: CallOptions = {}): Promise<CloudMessageResponse> {
    return await this.#call("DELETE", await this.#pathById(ref, options), { ...options, gone: GONE });
  }

  /** Rejects with a SandboxExecError when the command does not start, a ConflictError when no sandbox runs there; ends what is given up. */
  async exec(
    ref: SandboxRef,
    command: readonly string[],
    options: SandboxExecOptions = {},
  ): Promise<SandboxExecResult> {
    const path = `${await this.#pathById(ref, options)}/exec.cbor`;
    const { signal } = options;
    const whyRefused = () => this.#call("GET", path, { attempts: "once", signal });
    return await execInSandbox({ config: this.#config, path, whyRefused }, command, options);
  }

  async *logs(
    ref: SandboxRef,
    options: FollowLogOptions = {},
  ): AsyncGenerator<SandboxLogLine, void, undefined> {
    yield* followLog(this.#http, async () => `${await this.#pathById(ref, options)}/logs`, options);
  }

  async metrics(ref: SandboxRef, options: CallOptions = {}): Promise<SandboxMetrics> {
    return await this.#call("GET", `${await this.#pathById(ref, options)}/metrics`, options);
  }

  /** One for each name, with memory and processes. */
  async fork(ref: SandboxRef, names: readonly string[], options: CallOptions = {}): Promise<ForkedSandbox[]> {
    const path = `${await this.#pathById(ref, options)}/fork`;
    const { children } = await this.#work<{ children: ForkedSandbox[] }>(path, { names }, options);
    return children;
  }

  /** Of one that runs, by a name for the snapshot, with memory and processes; or of one that is stopped, by its specification. */
  async snapshot(of: SandboxRef, name: string, options?: CallOptions): Promise<SandboxSnapshot>;
  async snapshot(spec: SnapshotSpec, options?: CallOptions): Promise<SandboxSnapshot>;
  async snapshot(
    of: SandboxRef | SnapshotSpec,
    name?: string | CallOptions,
    options: CallOptions = {},
  ): Promise<SandboxSnapshot> {
    if (typeof of === "object" && "source_sandbox" in of)
      return await this.#work(SNAPSHOTS, of, typeof name === "object" ? name : options);
    const path = `${await this.#pathById(of, options)}/snapshots`;
    return await this.#work(path, { name, full: true }, options);
  }

  async listSnapshots(options: CallOptions = {}): Promise<SandboxSnapshot[]> {
    return (await this.#call<{ data: SandboxSnapshot[] }>("GET", SNAPSHOTS, options)).data;
  }

  /** By id or name. */
  async getSnapshot(snapshot: string, options: CallOptions = {}): Promise<SandboxSnapshot> {
    return await this.#call("GET", snapshotPath(snapshot), options);
  }

  /** Whether its files are what was recorded of them. */
  async verifySnapshot(snapshot: string, options: CallOptions = {}): Promise<VerifiedSnapshot> {
    return await this.#work(`${snapshotPath(snapshot)}/verify`, undefined, options);
  }

  async deleteSnapshot(snapshot: string, options: CallOptions = {}): Promise<CloudMessageResponse> {
    const { id } = await this.getSnapshot(snapshot, options);
    return await this.#call("DELETE", snapshotPath(id), { ...options, gone: GONE });
  }

  /** A sandbox of this name that goes on from there. */
  async restore(snapshot: string, name: string, options: CallOptions = {}): Promise<CloudSandbox> {
    return await this.#work(`${snapshotPath(snapshot)}/restore`, { name }, options);
  }

  async createVolume(
    spec: Pick<VolumeSpec, "name"> & Partial<VolumeSpec>,
    { signal }: CallOptions = {},
  ): Promise<SandboxVolume> {
    return await this.#call("POST", VOLUMES, { body: spec, attempts: "once", signal });
  }

  async listVolumes(options: CallOptions = {}): Promise<SandboxVolume[]> {
    return await this.#call("GET", VOLUMES, options);
  }

  /** By id, with all that is in it. */
  async deleteVolume(id: string, options: CallOptions = {}): Promise<CloudMessageResponse> {
    return await this.#call("DELETE", joinPath("v1", "volumes", id), { ...options, gone: GONE });
  }

  async #call<Result>(method: ApiRequest["method"], path: string, call: Call = {}): Promise<Result> {
    const { signal, timeoutMs, ...request } = call;
    return await this.#http.json<Result>({ method, path, ...request, options: { signal, timeoutMs } });
  }

  async #work<Result>(path: string, body: unknown, { signal }: CallOptions): Promise<Result> {
    const call = { defaultTimeoutMs: WORK_MS, attempts: "once", signal } as const;
    return await this.#call("POST", path, body === undefined ? call : { ...call, body });
  }

  #patience({ timeoutMs }: StartOptions): StartPatience {
    return new StartPatience(timeoutMs, this.#config.timeoutMs);
  }

  async #running(
    sandbox: CloudSandbox,
    patience: StartPatience,
    signal: AbortSignal | undefined,
  ): Promise<CloudSandbox> {
    let now = sandbox;
    while (now.status !== "running") {
      if (now.status !== "starting") throw new VMLaunchError(now.id, now.status, now.last_error ?? undefined);
      if (patience.leftMs === 0) throw new VMNotReadyError(now.id, now.status, patience.timeoutMs);
      await sleep(Math.min(LOOK_EVERY_MS, patience.leftMs), signal);
      now = await this.#call("GET", pathOf(sandbox), { until: patience.lookUntil, signal });
    }
    return now;
  }

  /** Of routes that know no names. */
  async #pathById(ref: SandboxRef, { signal }: CallOptions): Promise<string> {
    return pathOf(typeof ref === "string" ? await this.get(ref, { signal }) : ref);
  }
}

function pathOf(ref: SandboxRef): string {
  return typeof ref === "string"
    ? joinPath("v1", "sandboxes", "by-name", ref)
    : joinPath("v1", "sandboxes", ref.id);
}

function snapshotPath(snapshot: string): string {
  return joinPath("v1", "sandbox-snapshots", snapshot);
}
