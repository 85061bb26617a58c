/** `client.vms`: one method per call of the API's VM routes. */
import { VM_WORK_TIMEOUT_MS } from "../client-config.ts";
import { Commands, Pty } from "../commands/commands.ts";
import { Execs } from "../commands/execs.ts";
import { execBody, execResultOf, execTimeoutMs, isCommand } from "../exec/exec.ts";
import type {
  Command,
  ExecEvent,
  ExecOptions,
  ExecParams,
  ExecResult,
  WireExecResult,
} from "../exec/exec.ts";
import { publishedEvents } from "../exec/published-events.ts";
import type { PublishedExecEvent } from "../exec/published-events.ts";
import { execStream } from "../exec/exec-stream.ts";
import { Files } from "../files/files.ts";
import type {
  EgressModePolicy,
  FirewallInput,
  NetworkPolicy,
  PatchFirewallPolicy,
} from "../firewall/firewall-policy.ts";
import { VmFirewall } from "../firewall/vm-firewall.ts";
import { FastvmError } from "../errors.ts";
import type { ApiPromise } from "../http/api-promise.ts";
import type { HttpClient, RequestOptions } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { Services } from "../services/services.ts";
import { VmSshKeys } from "../ssh-keys/ssh-keys.ts";
import { BucketMounts } from "../volumes/bucket-mounts.ts";
import { VmVolumes } from "../volumes/vm-volumes.ts";
import type { ForkParams, ForkResult } from "./fork.ts";
import type { VmLogs, VmMetrics, VmStats } from "./inspection.ts";
import { deletedAtEnd } from "./temporary-vm.ts";
import type { Temporary } from "./temporary-vm.ts";
import { metadataQuery, vmIdOf } from "./vm.ts";
import type {
  DeletedResource,
  LaunchParams,
  ListVmsParams,
  StartParams,
  StopParams,
  UpdateVmParams,
  Vm,
  VmRef,
} from "./vm.ts";
import { failIfTerminal, waitUntilRunning, waitUntilStopped } from "./wait-until-running.ts";
import type { WaitOptions } from "./wait-until-running.ts";

export interface LaunchWaitOptions extends WaitOptions {
  /** `false` returns the VM as the first answer has it, running or queued. Default true. */
  readonly wait?: boolean | undefined;
}

/** A one-time ticket for the VM's console: `<base URL, as ws>` + `websocketPath` + `?session=<token>`. */
export interface ConsoleToken {
  readonly token: string;
  readonly expiresInSec: number;
  readonly websocketPath: string;
}

export class Vms {
  /** Commands in the background, by handles. */
  readonly commands: Commands;
  /** Terminals. */
  readonly pty: Pty;
  /** Commands in the background, by their routes. */
  readonly execs: Execs;
  readonly files: Files;
  readonly firewall: VmFirewall;
  readonly services: Services;
  readonly sshKeys: VmSshKeys;
  readonly volumes: VmVolumes;
  readonly bucketMounts: BucketMounts;
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
    this.execs = new Execs(http);
    this.commands = new Commands(this.execs);
    this.pty = new Pty(this.execs);
    this.files = new Files(http);
    this.firewall = new VmFirewall(http);
    this.services = new Services(http);
    this.sshKeys = new VmSshKeys(http);
    this.volumes = new VmVolumes(http);
    this.bucketMounts = new BucketMounts(http);
  }

  /**
   * Starts a VM from a machine type or a snapshot and resolves when it runs. Never repeated by itself: that could
   * make two VMs. Throws VMLaunchError when the VM fails, VMNotReadyError when it takes longer than `timeoutMs`.
   */
  launch(params: LaunchParams, options?: RequestOptions, wait: LaunchWaitOptions = {}): ApiPromise<Vm> {
    return this.temporary(params, options, wait);
  }

  /**
   * Launches a VM for a block: `await using vm = await client.vms.temporary({ machineType: "c1m2" })` deletes it at
   * the end, however the block is left. What `launch` answers can be used so, too, but its type does not say it.
   */
  temporary(
    params: LaunchParams,
    options?: RequestOptions,
    wait: LaunchWaitOptions = {},
  ): ApiPromise<Temporary<Vm>> {
    const launched = this.#http.json<Vm>({
      method: "POST",
      path: "/v1/vms",
      body: params,
      attempts: "once",
      defaultTimeoutMs: VM_WORK_TIMEOUT_MS,
      options,
    });
    return launched.map(async (vm) => {
      const isAwaited = vm.status !== "running" && wait.wait !== false;
      if (isAwaited) failIfTerminal(vm);
      const answer = isAwaited ? await this.waitUntilRunning(vm, { ...wait, signal: options?.signal }) : vm;
      return deletedAtEnd(answer, this);
    });
  }

  /** Resolves when the VM runs; for one that was launched with `wait: false`, or found in a list. */
  waitUntilRunning(
    vm: VmRef,
    options: WaitOptions & { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Vm> {
    return waitUntilRunning(() => this.retrieve(vm, { signal: options.signal }), options);
  }

  /** All VMs of the organisation that are not deleted. */
  list(params: ListVmsParams = {}, options?: RequestOptions): ApiPromise<Vm[]> {
    const query = { status: params.status, ...metadataQuery(params.metadata) };
    return this.#http.json({ method: "GET", path: "/v1/vms", query, options });
  }

  retrieve(vm: VmRef, options?: RequestOptions): ApiPromise<Vm> {
    return this.#http.json({ method: "GET", path: pathOf(vm), options });
  }

  /** The same as `retrieve`. */
  get(vm: VmRef, options?: RequestOptions): ApiPromise<Vm> {
    return this.retrieve(vm, options);
  }

  /** Only the fields that are given change. */
  update(vm: VmRef, params: UpdateVmParams, options?: RequestOptions): ApiPromise<Vm> {
    return this.#http.json({ method: "PATCH", path: pathOf(vm), body: params, options });
  }

  rename(vm: VmRef, name: string, options?: RequestOptions): ApiPromise<Vm> {
    return this.update(vm, { name }, options);
  }

  delete(vm: VmRef, options?: RequestOptions): ApiPromise<DeletedResource> {
    return this.#http.json({
      method: "DELETE",
      path: pathOf(vm),
      defaultTimeoutMs: VM_WORK_TIMEOUT_MS,
      options,
    });
  }

  /**
   * Runs a command and resolves when it has ended, whatever its exit code. The command ends with its call: an
   * abort or a timeout kills it. Throws CommandLostError when its VM or host is lost in the middle.
   */
  run(vm: VmRef, params: ExecParams, options?: RequestOptions): ApiPromise<ExecResult>;
  run(vm: VmRef, command: Command, options?: ExecOptions): ApiPromise<ExecResult>;
  run(vm: VmRef, what: Command | ExecParams, options?: ExecOptions): ApiPromise<ExecResult> {
    const body = execBody(what, options);
    const result = this.#http.json<WireExecResult>({
      method: "POST",
      path: pathOf(vm, "exec"),
      body,
      attempts: "once",
      defaultTimeoutMs: execTimeoutMs(body.timeoutSec, VM_WORK_TIMEOUT_MS),
      options,
    });
    return result.map(execResultOf);
  }

  /**
   * Runs a command and yields its output as it comes, then one exit. The command starts at the first read
   * and is killed when the loop is left. `timeoutMs` counts until the stream begins. Asked for by an object, as in the
   * published package, its events are those of that package.
   */
  stream(
    vm: VmRef,
    params: ExecParams,
    options?: RequestOptions,
  ): AsyncGenerator<PublishedExecEvent, void, undefined>;
  stream(vm: VmRef, command: Command, options?: ExecOptions): AsyncGenerator<ExecEvent, void, undefined>;
  stream(
    vm: VmRef,
    what: Command | ExecParams,
    options?: ExecOptions,
  ): AsyncGenerator<ExecEvent | PublishedExecEvent, void, undefined> {
    const events = execStream(() =>
      this.#http.open({
        method: "POST",
        path: pathOf(vm, "exec"),
        body: execBody(what, options),
        accept: "application/x-ndjson",
        attempts: "once",
        defaultTimeoutMs: VM_WORK_TIMEOUT_MS,
        options,
      }),
    );
    return isCommand(what) ? events : publishedEvents(events);
  }

  /** Saves the VM's memory and frees it; `resume` goes on at the same instruction. Fine on a paused VM. */
  pause(vm: VmRef, options?: RequestOptions): ApiPromise<Vm> {
    return this.#transition(vm, "pause", options);
  }

  /** Resolves when the VM runs again, waiting for room on the host if it must. */
  resume(vm: VmRef, options?: RequestOptions, wait: LaunchWaitOptions = {}): ApiPromise<Vm> {
    return this.#started(vm, this.#transition(vm, "resume", options), options, wait);
  }

  /**
   * Its guest powers off, or loses its power after `graceSec`; its disk is kept. Resolves when the VM is stopped. Fine on a stopped VM.
   * Throws VMNotReadyError when that takes longer than `timeoutMs`.
   */
  stop(
    vm: VmRef,
    params: StopParams = {},
    options?: RequestOptions,
    wait: LaunchWaitOptions = {},
  ): ApiPromise<Vm> {
    return this.#transition(vm, "stop", options, params).map((stopped) => {
      if (stopped.status === "stopped" || wait.wait === false) return stopped;
      const get = () => this.retrieve(vm, { signal: options?.signal });
      return waitUntilStopped(get, { ...wait, signal: options?.signal });
    });
  }

  /** Boots the disk of a stopped VM. Resolves when it runs. Throws VMLaunchError when it cannot: then it is stopped still. */
  start(
    vm: VmRef,
    params: StartParams = {},
    options?: RequestOptions,
    wait: LaunchWaitOptions = {},
  ): ApiPromise<Vm> {
    return this.#started(vm, this.#transition(vm, "start", options, params), options, wait);
  }

  /** `stop` and `start`; of a stopped VM a start. */
  restart(
    vm: VmRef,
    params: StopParams = {},
    options?: RequestOptions,
    wait: LaunchWaitOptions = {},
  ): ApiPromise<Vm> {
    return this.#started(vm, this.#transition(vm, "restart", options, params), options, wait);
  }

  /**
   * Captures a running or paused VM once and starts `count` VMs that go on from there, with its memory, processes and
   * files; the source goes on too. Rejects only when the capture fails: each child has an outcome of its own.
   */
  fork(vm: VmRef, params: ForkParams = {}, options?: RequestOptions): ApiPromise<ForkResult> {
    return this.#http.json({
      method: "POST",
      path: pathOf(vm, "fork"),
      body: params,
      attempts: "once",
      defaultTimeoutMs: VM_WORK_TIMEOUT_MS,
      options,
    });
  }

  /** Starts the VM's ttl anew. Throws ConflictError when it has none. */
  refreshTtl(vm: VmRef, options?: RequestOptions): ApiPromise<Vm> {
    return this.#http.json({ method: "POST", path: pathOf(vm, "ttl", "refresh"), options });
  }

  /** Replaces the whole policy, in either dialect. In force when it resolves. */
  setFirewall(vm: VmRef, policy: FirewallInput, options?: RequestOptions): ApiPromise<Vm> {
    return this.#http.json({ method: "PUT", path: pathOf(vm, "firewall"), body: policy, options });
  }

  /** Replaces the blocks that are given and leaves the others. */
  patchFirewall(
    vm: VmRef,
    patch: PatchFirewallPolicy | NetworkPolicy | EgressModePolicy,
    options?: RequestOptions,
  ): ApiPromise<Vm> {
    return this.#http.json({ method: "PATCH", path: pathOf(vm, "firewall"), body: patch, options });
  }

  consoleToken(vm: VmRef, options?: RequestOptions): ApiPromise<ConsoleToken> {
    return this.#http.json({ method: "POST", path: pathOf(vm, "console-token"), options });
  }

  /** What the VM uses of its host now, in whatever state it is. */
  stats(vm: VmRef, options?: RequestOptions): ApiPromise<VmStats> {
    return this.#http.json({ method: "GET", path: pathOf(vm, "stats"), options });
  }

  /** What it used in the last hour; `since`: RFC 3339. */
  metrics(
    vm: VmRef,
    params: { readonly since?: string | undefined } = {},
    options?: RequestOptions,
  ): ApiPromise<VmMetrics> {
    const { since } = params;
    return this.#http.json({ method: "GET", path: pathOf(vm, "metrics"), query: { since }, options });
  }

  /** What the guest's console and the VM's QEMU printed last; of a VM that failed, as much as was kept. */
  logs(vm: VmRef, options?: RequestOptions): ApiPromise<VmLogs> {
    return this.#http.json({ method: "GET", path: pathOf(vm, "logs"), options });
  }

  /**
   * The URL of a port, or of a service by its name. A port that no service has is registered as `port-N`; anybody who
   * knows a URL may call it. By path where the server has no host names for services. Throws for a name that no service has.
   */
  async url(vm: VmRef, service: number | string, options?: RequestOptions): Promise<string> {
    const services = await this.services.list(vm, options);
    const found =
      services.find(({ name, port }) => name === service || port === service) ??
      (typeof service === "number"
        ? await this.services.register(vm, { name: `port-${service}`, port: service }, options)
        : undefined);
    const url = found?.url ?? found?.pathUrl;
    if (url === undefined) throw new FastvmError(`The VM has no service ${service}`);
    return url;
  }

  #started(
    vm: VmRef,
    answer: ApiPromise<Vm>,
    options: RequestOptions | undefined,
    wait: LaunchWaitOptions,
  ): ApiPromise<Vm> {
    return answer.map((started) => {
      if (started.status === "running" || wait.wait === false) return started;
      return this.waitUntilRunning(vm, { ...wait, signal: options?.signal });
    });
  }

  #transition(
    vm: VmRef,
    name: "pause" | "resume" | "stop" | "start" | "restart",
    options: RequestOptions | undefined,
    body?: StopParams | StartParams,
  ): ApiPromise<Vm> {
    return this.#http.json({
      method: "POST",
      path: pathOf(vm, name),
      ...(body === undefined ? {} : { body }),
      defaultTimeoutMs: VM_WORK_TIMEOUT_MS,
      options,
    });
  }
}

function pathOf(vm: VmRef, ...rest: readonly string[]): string {
  return joinPath("v1", "vms", vmIdOf(vm), ...rest);
}
