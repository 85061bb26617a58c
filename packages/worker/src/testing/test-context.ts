/** A worker's parts without the worker, for tests that reach below what the control plane may ask of one. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { newVmId, parseMachineType } from "@fastvm/contract";
import type { VmSpec } from "@fastvm/contract";
import type { WorkerConfig } from "../config.ts";
import { openContext } from "../open-context.ts";
import { deleteVm } from "../vm/transitions/delete-vm.ts";
import { exec } from "../vm/guest/exec.ts";
import { launch } from "../vm/transitions/launch.ts";
import type { Vm } from "../vm/state/vm.ts";
import type { WorkerContext } from "../vm/state/worker-context.ts";
import { CACHE, DENY_ALL, RESERVE_MIB, ROOT, UID_BASE } from "./test-worker.ts";

export class TestContext implements AsyncDisposable {
  readonly context: WorkerContext;
  readonly errors: unknown[];

  static async open(changes: Partial<WorkerConfig> = {}): Promise<TestContext> {
    await mkdir(ROOT, { recursive: true });
    const errors: unknown[] = [];
    const config: WorkerConfig = {
      dataDir: await mkdtemp(join(ROOT, "context-")),
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
    };
    const { context } = await openContext(config, {
      onGuestLost: () => undefined,
      emit: () => undefined,
      onError: (error) => errors.push(error),
      forward: undefined,
      ending: new AbortController().signal,
    });
    return new TestContext(context, errors);
  }

  private constructor(context: WorkerContext, errors: unknown[]) {
    this.context = context;
    this.errors = errors;
  }

  /** A VM of the default machine type, from its template unless `changes` name another source. */
  async launch(changes: Partial<VmSpec> = {}): Promise<Vm> {
    const machine = parseMachineType("c1m2");
    if (machine === undefined) throw new Error("c1m2 is no machine type");
    const { vmId = newVmId() } = changes;
    await launch(this.context, {
      vmId,
      source: { kind: "template" },
      machine,
      diskGib: 10,
      identity: { hostname: "probe", envVars: {}, authorizedKeys: [] },
      network: DENY_ALL,
      ...changes,
    });
    const vm = this.context.vms.get(vmId);
    if (vm === undefined) throw new Error("the launched VM is not there");
    return vm;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { context } = this;
    for (const vm of [...context.vms.values()]) await deleteVm(context, vm);
    await Promise.all([context.pool.close(), context.standby.close()]);
    await context.images.close();
    context.copier.helper.close();
    await context.cgroups.close();
    await context.cache.close();
    await rm(context.config.dataDir, { recursive: true, force: true });
  }
}

/** Runs a script in the guest; its output, of both kinds. Throws when it fails. */
export async function inGuest(vm: Vm, script: string): Promise<string> {
  let output = "";
  for await (const event of await exec(vm, { command: ["sh", "-c", script] }, {})) {
    if (event.kind === "exit" && event.exitCode !== 0) throw new Error(`${script}: ${output}`);
    if (event.kind !== "exit") output += Buffer.from(event.data).toString();
  }
  return output.trim();
}
