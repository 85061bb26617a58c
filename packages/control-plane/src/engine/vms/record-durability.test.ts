/** Whose record is synced before the worker is told, and whose is not, as launches without it are faster by that. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { ForkChild, ResumeOptions, StartOptions, VmId, VmSpec } from "@fastvm/contract";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../testing/eventually.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { openMemoryStore } from "../../testing/memory-store.ts";
import { testApp, type TestApp } from "../../testing/test-app.ts";
import type { Store } from "../../store/store.ts";

/** Notes of whom a power cut would forget the newest record when the worker is told to do something. */
class NotingWorker extends FakeWorker {
  readonly told: [what: string, isSynced: boolean][] = [];
  readonly #unsynced: ReadonlySet<VmId>;

  constructor(unsynced: ReadonlySet<VmId>) {
    super();
    this.#unsynced = unsynced;
  }

  override async launch(spec: VmSpec) {
    this.#note("launch", spec.vmId);
    return super.launch(spec);
  }

  override async fork(source: VmId, children: readonly ForkChild[]) {
    for (const { vmId } of children) this.#note("fork", vmId);
    return super.fork(source, children);
  }

  override async resume(vmId: VmId, options: ResumeOptions) {
    this.#note("resume", vmId);
    return super.resume(vmId, options);
  }

  override async startVm(vmId: VmId, options: StartOptions) {
    this.#note("start", vmId);
    return super.startVm(vmId, options);
  }

  override async deleteVm(vmId: VmId) {
    this.#note("delete", vmId);
    return super.deleteVm(vmId);
  }

  #note(what: string, vmId: VmId): void {
    this.told.push([what, !this.#unsynced.has(vmId)]);
  }
}

interface Noting {
  readonly api: TestApp;
  readonly worker: NotingWorker;
}

/** One file has all records, so whatever syncs one syncs all that were written before. */
async function noting(): Promise<Noting> {
  const unsynced = new Set<VmId>();
  const current = new AsyncLocalStorage<"power" | "process">();
  const store = await openMemoryStore();
  store.onVmChange((vmId) => void (current.getStore() === "process" && unsynced.add(vmId)));
  const transaction: Store["transaction"] = async (work, durability = "power") => {
    const result = await current.run(durability, () => store.transaction(work, durability));
    if (durability === "power") unsynced.clear();
    return result;
  };
  const worker = new NotingWorker(unsynced);
  const api = await testApp({ store: { ...store, transaction }, worker });
  onTestFinished(() => api[Symbol.asyncDispose]());
  return { api, worker };
}

test.each([
  ["strict", true],
  ["relaxed", false],
] as const)("of a VM that is %s: synced, %s", async (durability, isSynced) => {
  const { api, worker } = await noting();
  const becomes = async (id: string, status: string) =>
    eventually(async () => expect((await api.call(`GET /v1/vms/${id}`)).body.status).toBe(status));
  const launched = (await api.call("POST /v1/vms", { machineType: "c1m2", durability })).body.id;
  await api.call(`POST /v1/vms/${launched}/pause`);
  await api.call(`POST /v1/vms/${launched}/resume`);
  await api.call(`POST /v1/vms/${launched}/restart`);
  await becomes(launched, "running");
  worker.emit({ kind: "vm_stopped", vmId: launched, reason: "The guest rebooted", restarts: true });
  await eventually(() => expect(worker.told.filter(([what]) => what === "start")).toHaveLength(2));
  await becomes(launched, "running");
  await api.call(`POST /v1/vms/${launched}/stop`);
  await api.call(`POST /v1/vms/${launched}/start`);
  await becomes(launched, "running");
  await api.call(`POST /v1/vms/${launched}/fork`, { count: 1 });
  await api.call(`DELETE /v1/vms/${launched}`);
  const what = ["launch", "resume", "start", "start", "start", "fork", "delete"];
  expect(worker.told).toEqual(what.map((each) => [each, isSynced]));
});

test.each([
  ["strict", true],
  ["relaxed", false],
] as const)("of one that is %s and waited for room: synced, %s", async (durability, isSynced) => {
  const { api, worker } = await noting();
  // One at a time.
  worker.memoryMib = 2048;
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2", durability })).body;
  await api.call("POST /v1/vms", { machineType: "c1m2", durability });
  await api.call(`DELETE /v1/vms/${id}`);
  await eventually(() => expect(worker.told).toHaveLength(3));
  expect(worker.told).toEqual(["launch", "delete", "launch"].map((each) => [each, isSynced]));
});

test.each(["pause", "stop"])(
  "a VM after %s is deleted as recorded, also one that is not strict",
  async (verb) => {
    const { api, worker } = await noting();
    const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
    await api.call(`POST /v1/vms/${id}/${verb}`);
    await api.call(`DELETE /v1/vms/${id}`);
    expect(worker.told).toEqual([
      ["launch", false],
      ["delete", true],
    ]);
  },
);
