/** A worker with a data folder of its own and the machine's cache, for tests that need real VMs and no daemon. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { newVmId, parseMachineType } from "@fastvm/contract";
import type { NetworkPolicy, VmId, VmSpec } from "@fastvm/contract";
import type { WorkerConfig } from "../config.ts";
import { Worker } from "../worker.ts";
import type { GuestForward } from "../vm/state/guest-forward.ts";

export const CACHE = "/var/cache/fastvm";
export const DENY_ALL: NetworkPolicy = {
  ingress: { default: "deny", rules: [] },
  egress: { default: "deny", rules: [] },
  dns: { mode: "allow", domains: [], blockBypass: false },
};
/** Beside the cache, so that layers are shared by hard link as they are in use. */
export const ROOT = "/var/cache/fastvm-test";
export const RESERVE_MIB = 300;
export const UID_BASE = 1_900_000_000;

export class TestWorker implements AsyncDisposable {
  readonly errors: unknown[];
  readonly dataDir: string;
  #worker: Worker;

  static async start(
    changes: Partial<WorkerConfig> = {},
    options: { readonly forward?: GuestForward } = {},
  ): Promise<TestWorker> {
    await mkdir(ROOT, { recursive: true });
    const dataDir = await mkdtemp(join(ROOT, "worker-"));
    const errors: unknown[] = [];
    return new TestWorker(await startWorker(dataDir, errors, changes, options), dataDir, errors);
  }

  private constructor(worker: Worker, dataDir: string, errors: unknown[]) {
    this.#worker = worker;
    this.dataDir = dataDir;
    this.errors = errors;
  }

  get worker(): Worker {
    return this.#worker;
  }

  /** Lets the VMs go, has something happen to them while nobody looks, and takes them over again. */
  async restart(
    meanwhile: () => Promise<void> = async () => {},
    changes: Partial<WorkerConfig> = {},
  ): Promise<void> {
    await this.#worker.close();
    await meanwhile();
    this.#worker = await startWorker(this.dataDir, this.errors, changes);
  }

  /** What a command prints; it must succeed. */
  async sh(vmId: VmId, script: string): Promise<string> {
    let text = "";
    for await (const event of await this.worker.exec(vmId, { command: ["sh", "-c", script] })) {
      if (event.kind !== "exit") text += Buffer.from(event.data).toString();
      else if (event.exitCode !== 0) throw new Error(`"${script}" ended with ${event.exitCode}: ${text}`);
    }
    return text.trim();
  }

  /** A VM of the default machine type, from its template. */
  async launch(changes: Partial<VmSpec> = {}): Promise<VmId> {
    const spec = { ...templateSpec(), ...changes };
    await this.worker.launch(spec);
    return spec.vmId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { vms } = await this.worker.inventory();
    for (const { vmId } of vms) await this.worker.deleteVm(vmId);
    await this.worker.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** Of a VM of the default machine type, from its template. */
export function templateSpec(): VmSpec {
  const machine = parseMachineType("c1m2");
  if (machine === undefined) throw new Error("c1m2 is no machine type");
  return {
    vmId: newVmId(),
    source: { kind: "template" },
    machine,
    diskGib: 10,
    identity: { hostname: "probe", envVars: {}, authorizedKeys: [] },
    network: DENY_ALL,
  };
}

async function startWorker(
  dataDir: string,
  errors: unknown[],
  changes: Partial<WorkerConfig>,
  options: { readonly forward?: GuestForward } = {},
): Promise<Worker> {
  return await Worker.start({
    config: {
      dataDir,
      cacheDir: CACHE,
      imageDir: join(CACHE, "images/current"),
      poolSize: 0,
      poolMaxSize: 0,
      poolMemoryMib: 600,
      cacheGib: 10,
      network: "none",
      reserveMib: RESERVE_MIB,
      memoryOvercommit: 16,
      uidBase: UID_BASE,
      ...changes,
    },
    onError: (error) => errors.push(error),
    ...options,
  });
}
