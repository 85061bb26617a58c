/**
 * `FastVM`: the flat client. Each method is one thing to do and blocks until it is done. Over https all calls share
 * one HTTP/2 connection, which `warmup` opens ahead and `close` ends.
 */
import { readClientConfig } from "../client-config.ts";
import { InternalServerError, VMNotReadyError } from "../errors.ts";
import type { Command, ExecResult } from "../exec/exec.ts";
import { execTimeoutMs } from "../exec/exec.ts";
import type { FirewallPolicy, PatchFirewallPolicy } from "../firewall/firewall-policy.ts";
import { sleep } from "../http/deadline.ts";
import { HttpClient } from "../http/http-client.ts";
import { joinPath } from "../http/path.ts";
import { retryDelayMs } from "../http/retry-policy.ts";
import { Quotas } from "../quotas.ts";
import type { Snapshot, SnapshotRef } from "../snapshots/snapshot.ts";
import { snapshotIdOf } from "../snapshots/snapshot.ts";
import { Snapshots } from "../snapshots/snapshots.ts";
import type { ForkParams } from "../vms/fork.ts";
import { vmIdOf } from "../vms/vm.ts";
import type { LaunchParams, MachineType, Metadata, Vm, VmRef } from "../vms/vm.ts";
import { SDK_VERSION } from "../version.ts";
import { failIfTerminal } from "../vms/wait-until-running.ts";
import { Vms } from "../vms/vms.ts";
import { FlatTransport } from "./flat-transport.ts";
import { flatQuotas, flatSnapshot, flatVm } from "./flat-vm.ts";
import type { FlatSnapshot, OrgQuotaUsage, VM } from "./flat-vm.ts";

/** Not the other client's name: by it the server knows that firewalls are to be shown in the older dialect where they can be. */
const USER_AGENT = `fastvm-flat-js/${SDK_VERSION}`;
const DEFAULT_FLAT_TIMEOUT_MS = 300_000;
const DEFAULT_MACHINE: MachineType = "c1m2";
const POLL_INTERVAL_MS = 250;
/** The host's agent was not reached, or not in time: the command may be sent again. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([502, 503, 504]);
const DEFAULT_TRANSIENT_RETRIES = 3;

export interface FastVMOptions {
  /** Default: the environment's `FASTVM_API_KEY`. Without either, the constructor throws. */
  readonly apiKey?: string | undefined;
  /** Default: the environment's `FASTVM_BASE_URL`, else `https://api.fastvm.org`. */
  readonly baseUrl?: string | undefined;
  /** Milliseconds for any call. Default 300,000. */
  readonly timeout?: number | undefined;
}

export interface FlatLaunchOptions {
  /** Default `c1m2`. */
  readonly machine?: MachineType | undefined;
  /** Default: a new UUID. */
  readonly name?: string | undefined;
  readonly diskGib?: number | undefined;
  readonly firewall?: FirewallPolicy | undefined;
  /** Milliseconds to wait for `running`. Default: the client's. */
  readonly timeout?: number | undefined;
}

export type FlatRestoreOptions = Pick<FlatLaunchOptions, "name" | "firewall" | "timeout">;
export type FlatSnapshotOptions = Pick<FlatLaunchOptions, "name" | "timeout">;

export interface FlatRunOptions {
  /** Seconds after which the server kills the command. */
  readonly timeoutSec?: number | undefined;
  /** Milliseconds to wait for the answer. Default: the client's, or longer if `timeoutSec` needs it. */
  readonly timeout?: number | undefined;
  /** Further attempts after 502, 503 or 504. Default 3. */
  readonly transientRetries?: number | undefined;
}

export interface FlatForkOptions {
  readonly count: number;
  readonly names?: readonly string[] | undefined;
  readonly metadata?: Metadata | undefined;
}

/** What a command gave. */
export type CommandResult = ExecResult;

export class FastVM {
  readonly #transport: FlatTransport;
  readonly #http: HttpClient;
  readonly #vms: Vms;
  readonly #snapshots: Snapshots;
  readonly #quotas: Quotas;
  readonly #timeoutMs: number;

  /** Throws a FastvmError when no API key is given or set in the environment. */
  constructor(options: FastVMOptions = {}) {
    const { apiKey, baseUrl, timeout } = options;
    this.#timeoutMs = timeout ?? DEFAULT_FLAT_TIMEOUT_MS;
    const config = readClientConfig({ apiKey, baseUrl, timeoutMs: this.#timeoutMs });
    this.#transport = new FlatTransport(config.baseUrl);
    const headers = { "user-agent": USER_AGENT, ...config.headers };
    this.#http = new HttpClient({ ...config, headers, fetch: this.#transport.fetch });
    this.#vms = new Vms(this.#http);
    this.#snapshots = new Snapshots(this.#http, this.#vms);
    this.#quotas = new Quotas(this.#http);
  }

  /** Opens the connection, so that the first real call does not wait for it. */
  async warmup(): Promise<void> {
    await this.#http.json({ method: "GET", path: "/healthz" });
  }

  /** Ends the connection. A later call opens a new one. */
  close(): void {
    this.#transport.close();
  }

  /** Launches a VM and waits until it runs. */
  async launch(options: FlatLaunchOptions = {}): Promise<VM> {
    const { machine = DEFAULT_MACHINE, name = newName(), diskGib, firewall } = options;
    return this.#launch({ machineType: machine, name, diskGiB: diskGib, firewall }, options.timeout);
  }

  /** A new VM that goes on where the snapshot was taken; waits until it runs. */
  async restore(snapshot: SnapshotRef, options: FlatRestoreOptions = {}): Promise<VM> {
    const { name = newName(), firewall } = options;
    return this.#launch({ snapshotId: snapshotIdOf(snapshot), name, firewall }, options.timeout);
  }

  async get(vm: VmRef): Promise<VM> {
    return flatVm(await this.#vms.get(vm));
  }

  async list(): Promise<VM[]> {
    return (await this.#vms.list()).map(flatVm);
  }

  async remove(vm: VmRef): Promise<void> {
    await this.#vms.delete(vm);
  }

  async rename(vm: VmRef, name: string): Promise<VM> {
    return flatVm(await this.#vms.rename(vm, name));
  }

  /** Replaces the VM's public IPv6 ingress policy. */
  async setFirewall(vm: VmRef, policy: FirewallPolicy): Promise<VM> {
    return flatVm(await this.#http.json<Vm>({ method: "PUT", path: firewallPath(vm), body: policy }));
  }

  /** Only the fields that are given change. */
  async patchFirewall(vm: VmRef, patch: PatchFirewallPolicy): Promise<VM> {
    return flatVm(await this.#http.json<Vm>({ method: "PATCH", path: firewallPath(vm), body: patch }));
  }

  /** Runs a command and waits for its end. Losing the connection kills it. */
  async run(vm: VmRef, command: Command, options: FlatRunOptions = {}): Promise<CommandResult> {
    const { timeoutSec, transientRetries = DEFAULT_TRANSIENT_RETRIES } = options;
    const timeoutMs = options.timeout ?? execTimeoutMs(timeoutSec, this.#timeoutMs);
    for (let retry = 0; ; retry += 1) {
      try {
        return await this.#vms.run(vm, command, { timeoutSec, timeoutMs });
      } catch (error) {
        const isTransient = error instanceof InternalServerError && TRANSIENT_STATUSES.has(error.status);
        if (!isTransient || retry >= transientRetries) throw error;
        await sleep(retryDelayMs(retry, error.headers), undefined);
      }
    }
  }

  /** Saves a running VM, which goes on; waits until the snapshot is ready. */
  async snapshot(vm: VmRef, options: FlatSnapshotOptions = {}): Promise<FlatSnapshot> {
    const { name = newName(), timeout: timeoutMs = this.#timeoutMs } = options;
    const deadline = performance.now() + timeoutMs;
    let snapshot: Snapshot = await this.#snapshots.create({ vmId: vmIdOf(vm), name }, { timeoutMs });
    while (snapshot.status === "creating" && performance.now() < deadline) {
      await sleep(POLL_INTERVAL_MS, undefined);
      snapshot = await this.#snapshots.get(snapshot);
    }
    return flatSnapshot(snapshot);
  }

  /**
   * Captures a VM once and starts `count` VMs that go on from there. Rejects with an AggregateError when any child
   * failed, after the children that did start were removed.
   */
  async fork(vm: VmRef, options: FlatForkOptions): Promise<VM[]> {
    const params: ForkParams = options;
    const { children } = await this.#vms.fork(vm, params);
    const started = children.flatMap((child) => (child.vm === undefined ? [] : [child.vm]));
    const failures = children.flatMap(({ error }) => (error === undefined ? [] : [new Error(error.error)]));
    if (failures.length === 0) return started.map(flatVm);
    await Promise.allSettled(started.map((child) => this.#vms.delete(child)));
    throw new AggregateError(failures, `${failures.length} of ${children.length} children did not start`);
  }

  async listSnapshots(): Promise<FlatSnapshot[]> {
    return (await this.#snapshots.list()).map(flatSnapshot);
  }

  async removeSnapshot(snapshot: SnapshotRef): Promise<void> {
    await this.#snapshots.delete(snapshot);
  }

  async renameSnapshot(snapshot: SnapshotRef, name: string): Promise<FlatSnapshot> {
    return flatSnapshot(await this.#snapshots.rename(snapshot, name));
  }

  /** The organisation's limits and what it uses. */
  async quotas(): Promise<OrgQuotaUsage> {
    return flatQuotas(await this.#quotas.retrieve());
  }

  async #launch(params: LaunchParams, timeout: number | undefined): Promise<VM> {
    const timeoutMs = timeout ?? this.#timeoutMs;
    const deadline = performance.now() + timeoutMs;
    let vm = await this.#vms.launch(params, { timeoutMs }, { wait: false });
    while (vm.status !== "running") {
      failIfTerminal(vm);
      if (performance.now() >= deadline) throw new VMNotReadyError(vm.id, vm.status, timeoutMs);
      await sleep(POLL_INTERVAL_MS, undefined);
      vm = await this.#vms.get(vm);
    }
    return flatVm(vm);
  }
}

function newName(): string {
  return globalThis.crypto.randomUUID();
}

function firewallPath(vm: VmRef): string {
  return joinPath("v1", "vms", vmIdOf(vm), "firewall");
}
