/** A machine: how it is made, found and ended, and what is reached through it. */
import { VM_WORK_TIMEOUT_MS } from "../client-config.ts";
import { sleep } from "../http/deadline.ts";
import { joinPath } from "../http/path.ts";
import { MachineConnection, newKey } from "./connection.ts";
import type { CallOptions, MachineOptions } from "./connection.ts";
import { eventStream, lifecycleQuery, subscribeTo } from "./event-stream.ts";
import type { SubscribeListeners, Subscription } from "./event-stream.ts";
import { Keepalive } from "./keepalive.ts";
import { MachineCommands } from "./machine-commands.ts";
import { MachineError } from "./machine-error.ts";
import { MachineFiles } from "./machine-files.ts";
import { MachineGit } from "./machine-git.ts";
import { MachinePtys } from "./machine-sessions.ts";
import { createBody, millisecondsOf } from "./machine-order.ts";
import { monitor } from "./machine-monitor.ts";
import type { MonitorEvent, MonitorOptions } from "./machine-monitor.ts";
import { MachinePorts } from "./machine-ports.ts";
import { MachineVolumes } from "./machine-volumes.ts";
import type {
  CommandResult,
  CreateMachineParams,
  EgressPolicy,
  LifecycleEvent,
  LifecycleList,
  LifecycleParams,
  ListMachinesParams,
  MachineInfo,
  MachineLease,
  MachineSnapshot,
  MetricsSample,
  MaskedMachine,
  RunParams,
  SshAccess,
  StreamParams,
  TimeoutAction,
} from "./types.ts";

const MACHINES = "/v1/machines";
const POLL_MS = 500;
/** As long as a host that is full may take to find room. */
const DEFAULT_WAIT_MS = 300_000;

export interface StartOptions extends MachineOptions, CallOptions {
  /** How long to wait until it runs. Default 300 s. */
  readonly waitMs?: number | undefined;
}

export interface CreateOptions extends StartOptions {
  /** The same key gives the same machine. Default: a new one. */
  readonly idempotencyKey?: string | undefined;
}

type ReadOptions = MachineOptions & CallOptions;

/** A list that knows where it goes on. */
export interface MachinePage<T> {
  readonly machines: readonly T[];
  readonly nextToken: string | null;
}

/** A handle of a machine. `await using` destroys the machine at the end of its block. */
export class Machine extends MachinePorts implements AsyncDisposable {
  /** As it was when the handle was made; `getInfo` asks. */
  readonly info: MachineInfo;
  readonly commands: MachineCommands;
  readonly files: MachineFiles;
  readonly git: MachineGit;
  readonly volumes: MachineVolumes;
  readonly pty: MachinePtys;

  private constructor(connection: MachineConnection, info: MachineInfo) {
    super(connection, info.id);
    this.info = info;
    this.commands = new MachineCommands(connection, info.id);
    this.files = new MachineFiles(connection, pathOf(info.id));
    this.git = new MachineGit(this.commands);
    this.volumes = new MachineVolumes(connection, info.id);
    this.pty = new MachinePtys(connection, info.id);
  }

  /** Makes a machine of a template or a reusable snapshot; resolves when it runs. */
  static async create(params: CreateMachineParams = {}, options: CreateOptions = {}): Promise<Machine> {
    const connection = new MachineConnection(options);
    const { idempotencyKey: key = newKey(), signal } = options;
    const call = { body: createBody(params), key, timeoutMs: VM_WORK_TIMEOUT_MS, signal };
    return running(connection, await connection.call<MachineInfo>("POST", MACHINES, call), options);
  }

  /** A handle of a machine that runs. One that is paused is resumed, and goes on under an id of its own. */
  static async connect(id: string, options: StartOptions = {}): Promise<Machine> {
    const connection = new MachineConnection(options);
    const { signal } = options;
    const info = await connection.call<MachineInfo>("GET", pathOf(id), { signal });
    return running(
      connection,
      info.status === "paused" ? await resumed(connection, id, signal) : info,
      options,
    );
  }

  /** A handle of a machine in whatever state it is. Wakes nothing. */
  static async attach(id: string, options: ReadOptions = {}): Promise<Machine> {
    const connection = new MachineConnection(options);
    const call = { signal: options.signal };
    return new Machine(connection, await connection.call<MachineInfo>("GET", pathOf(id), call));
  }

  /** A paused machine goes on under an id of its own. By the snapshot of its pause, or by an id that it had. */
  static async resume(
    snapshot: string | Pick<MachineSnapshot, "id">,
    options: StartOptions = {},
  ): Promise<Machine> {
    const connection = new MachineConnection(options);
    const id = typeof snapshot === "string" ? snapshot : snapshot.id;
    return running(connection, await resumed(connection, id, options.signal), options);
  }

  /** Newest first: all of them, or with any parameter a page. With `fields` each has these alone, under the API's names. Wakes nothing. */
  static list(
    params: ListMachinesParams & { readonly fields: readonly string[] },
    options?: ReadOptions,
  ): Promise<MachinePage<MaskedMachine>>;
  static list(
    params?: ListMachinesParams & { readonly fields?: undefined },
    options?: ReadOptions,
  ): Promise<MachinePage<MachineInfo>>;
  static async list(
    params: ListMachinesParams & { readonly fields?: readonly string[] | undefined } = {},
    options: ReadOptions = {},
  ): Promise<MachinePage<MachineInfo | MaskedMachine>> {
    const { state, metadata, fields, nextToken, ...rest } = params;
    const query = {
      ...rest,
      state: state === undefined || typeof state === "string" ? state : state.join(","),
      metadata: metadata === undefined ? undefined : JSON.stringify(metadata),
      fields: fields?.join(","),
      next_token: nextToken,
    };
    const connection = new MachineConnection(options);
    const call = { query, signal: options.signal };
    if (fields === undefined) {
      const page = await connection.call<MachinePage<MachineInfo> | MachineInfo[]>("GET", MACHINES, call);
      return Array.isArray(page) ? { machines: page, nextToken: null } : page;
    }
    const { machines, next_token } = (await connection.raw("GET", MACHINES, call)) as {
      readonly machines: readonly MaskedMachine[];
      readonly next_token: string | null;
    };
    return { machines, nextToken: next_token };
  }

  /** Wakes nothing. With `fields` these alone, under the API's names. */
  static getInfoById(
    id: string,
    options: ReadOptions & { readonly fields: readonly string[] },
  ): Promise<MaskedMachine>;
  static getInfoById(id: string, options?: ReadOptions): Promise<MachineInfo>;
  static async getInfoById(
    id: string,
    options: ReadOptions & { readonly fields?: readonly string[] } = {},
  ): Promise<MachineInfo | MaskedMachine> {
    const connection = new MachineConnection(options);
    const { fields, signal } = options;
    if (fields === undefined) return connection.call<MachineInfo>("GET", pathOf(id), { signal });
    const call = { query: { fields: fields.join(",") }, signal };
    return (await connection.raw("GET", pathOf(id), call)) as MaskedMachine;
  }

  /** A machine for one command: it is made, runs it, and is destroyed, whatever came of it. */
  static async runOnce(
    command: string,
    params: RunParams &
      Pick<CreateMachineParams, "template" | "snapshotId" | "vcpus" | "memoryMb" | "diskMb"> = {},
    options: StartOptions = {},
  ): Promise<CommandResult> {
    const { template, snapshotId, vcpus, memoryMb, diskMb, ...run } = params;
    // Should this program end before it has destroyed the machine.
    const timeout = run.timeout === undefined ? undefined : run.timeout + VM_WORK_TIMEOUT_MS / 1000;
    const order = { template, snapshotId, vcpus, memoryMb, diskMb, timeout };
    const machine = await Machine.create(order, options);
    try {
      return await machine.commands.run(command, run, { signal: options.signal });
    } finally {
      await machine.kill();
    }
  }

  /** Reusable ones, newest first. */
  static async listSnapshots({
    machineId,
    ...options
  }: ReadOptions & { readonly machineId?: string } = {}): Promise<readonly MachineSnapshot[]> {
    const call = { query: { machine_id: machineId }, signal: options.signal };
    const { snapshots } = await new MachineConnection(options).call<{
      readonly snapshots: readonly MachineSnapshot[];
    }>("GET", "/v1/snapshots", call);
    return snapshots;
  }

  static getSnapshot(id: string, options: ReadOptions = {}): Promise<MachineSnapshot> {
    const path = joinPath("v1", "snapshots", id);
    return new MachineConnection(options).call("GET", path, { signal: options.signal });
  }

  static async deleteSnapshot(id: string, options: ReadOptions = {}): Promise<void> {
    const path = joinPath("v1", "snapshots", id);
    await new MachineConnection(options).raw("DELETE", path, { signal: options.signal });
  }

  getInfo(options: CallOptions = {}): Promise<MachineInfo> {
    return this.connection.call("GET", this.path, options);
  }

  /** Destroys it. Fine for one that is gone. Its volumes and snapshots stay. */
  async kill(options: CallOptions = {}): Promise<void> {
    try {
      await this.connection.raw("DELETE", this.path, { timeoutMs: VM_WORK_TIMEOUT_MS, ...options });
    } catch (error) {
      if (!(error instanceof MachineError && error.family === "not-found")) throw error;
    }
  }

  /** Its memory goes to disk and it stops. `Machine.resume` of what is returned, or `Machine.connect`, goes on. */
  hibernate(options: CallOptions = {}): Promise<MachineSnapshot> {
    return this.#work("hibernate", options);
  }

  /** The same as `hibernate`. */
  pause(options: CallOptions = {}): Promise<MachineSnapshot> {
    return this.#work("pause", options);
  }

  /** Another machine that goes on from where this one is: memory, processes, files. This one runs on. */
  async fork(options: Pick<CreateOptions, "idempotencyKey" | "waitMs" | "signal"> = {}): Promise<Machine> {
    const { idempotencyKey = newKey(), signal } = options;
    const child = await this.#work<MachineInfo>("fork", { signal, key: idempotencyKey });
    return running(this.connection, child, options);
  }

  /** A reusable one, for `Machine.create({ snapshotId })`. The machine runs on. */
  createSnapshot({
    idempotencyKey = newKey(),
    signal,
  }: Pick<CreateOptions, "idempotencyKey" | "signal"> = {}): Promise<MachineSnapshot> {
    return this.#work("snapshots", { signal, key: idempotencyKey });
  }

  /** The timeout begins anew, with this length in seconds. Without an action that stays as it is. */
  setTimeout(
    timeout: number,
    { timeoutAction, signal }: CallOptions & { readonly timeoutAction?: TimeoutAction } = {},
  ): Promise<MachineLease> {
    const body = { timeoutMs: millisecondsOf(timeout), timeoutAction };
    return this.connection.call("POST", `${this.path}/timeout`, { body, signal });
  }

  /** Calls `setTimeout` at once and then again and again, by default at half of the time, until what it gives is disposed of. */
  keepalive(
    timeout: number,
    {
      refreshEverySecs = timeout / 2,
      timeoutAction,
    }: { readonly refreshEverySecs?: number; readonly timeoutAction?: TimeoutAction } = {},
  ): Promise<Keepalive> {
    const options = timeoutAction === undefined ? {} : { timeoutAction };
    return Keepalive.start(() => this.setTimeout(timeout, options), refreshEverySecs * 1000);
  }

  /** Signs a public key for logins over SSH, for minutes. Fails with `ssh_unavailable` where no SSH server answers in the machine. */
  createSshAccess(
    publicKey: string,
    { ttlSeconds, signal }: CallOptions & { readonly ttlSeconds?: number | undefined } = {},
  ): Promise<SshAccess> {
    const call = { body: { publicKey, ttlSeconds }, signal };
    return this.connection.call("POST", `${this.path}/ssh-access`, call);
  }

  /** What its guest says now: one sample. Looking does not keep it awake. */
  async getMetrics(options: CallOptions = {}): Promise<readonly MetricsSample[]> {
    const path = `${this.path}/metrics`;
    const answer = await this.connection.call<{ readonly metrics: readonly MetricsSample[] }>(
      "GET",
      path,
      options,
    );
    return answer.metrics;
  }

  /** Its record, and in each interval its guest's figures, until the loop is left. Looking does not keep it awake. */
  monitor(options: MonitorOptions = {}): AsyncGenerator<MonitorEvent, void, undefined> {
    return monitor(this.connection, this.id, options);
  }

  /** Resolves when it is in force: the whole policy, in place of what there was. */
  async updateEgress(egress: EgressPolicy, options: CallOptions = {}): Promise<EgressPolicy> {
    const call = { body: { egress }, ...options };
    const answer = await this.connection.call<{ readonly egress: EgressPolicy }>(
      "PATCH",
      `${this.path}/egress`,
      call,
    );
    return answer.egress;
  }

  /** What happened to it and to snapshots of it, newest first unless `order` is `asc`. Also after its end. */
  listLifecycle(params: LifecycleParams = {}, options: CallOptions = {}): Promise<LifecycleList> {
    return this.connection.call("GET", `${this.path}/lifecycle`, {
      query: lifecycleQuery(params),
      ...options,
    });
  }

  /**
   * What happens to it, as it happens, after a replay of what did. Each event once and in order, over whatever connections that takes; it
   * does not end by itself.
   */
  streamEvents(
    params: StreamParams = {},
    options: CallOptions = {},
  ): AsyncGenerator<LifecycleEvent, void, undefined> {
    const newest = async () => (await this.listLifecycle({ limit: 1 }, options)).events[0]?.id;
    const source = { connection: this.connection, path: `${this.path}/lifecycle/ws`, newest };
    return eventStream(source, params, options);
  }

  /** The same, each event handed over beside what the caller does, until `stop`. */
  subscribe(listeners: SubscribeListeners, params: StreamParams = {}): Subscription {
    return subscribeTo((options) => this.streamEvents(params, options), listeners);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #work<Result>(verb: string, options: CallOptions & { readonly key?: string }): Promise<Result> {
    const call = { body: {}, timeoutMs: VM_WORK_TIMEOUT_MS, ...options };
    return this.connection.call("POST", `${this.path}/${verb}`, call);
  }

  /** For those below, which make handles. */
  static of(connection: MachineConnection, info: MachineInfo): Machine {
    return new Machine(connection, info);
  }
}

function pathOf(id: string): string {
  return joinPath("v1", "machines", id);
}

function resumed(
  connection: MachineConnection,
  id: string,
  signal: AbortSignal | undefined,
): Promise<MachineInfo> {
  const call = { body: {}, key: newKey(), timeoutMs: VM_WORK_TIMEOUT_MS, signal };
  return connection.call("POST", `${pathOf(id)}/resume`, call);
}

async function running(
  connection: MachineConnection,
  made: MachineInfo,
  { waitMs = DEFAULT_WAIT_MS, signal }: Pick<StartOptions, "waitMs" | "signal">,
): Promise<Machine> {
  const deadline = Date.now() + waitMs;
  let info = made;
  while (info.status === "creating") {
    if (Date.now() > deadline) {
      const message = `machine ${info.id} does not run after ${waitMs} ms`;
      throw new MachineError(message, { code: "timeout", retryable: true });
    }
    await sleep(POLL_MS, signal);
    const now = await connection.call<MachineInfo>("GET", pathOf(info.id), { signal });
    // Its token is told once.
    info = { ...now, trafficAccessToken: now.trafficAccessToken ?? made.trafficAccessToken };
  }
  if (info.status === "running") return Machine.of(connection, info);
  const reason = info.statusReason === null ? "" : `: ${info.statusReason}`;
  throw new MachineError(`machine ${info.id} is ${info.status}${reason}`, { code: "machine_not_ready" });
}
