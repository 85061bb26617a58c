/** A launch ordered at the engine's door, by no API. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { DEFAULT_CONFIG } from "../../config.ts";
import { SealingKeys } from "../../sealing/sealing-keys.ts";
import { createStaging, stagingOwner } from "../../staging/staging.ts";
import type { Store } from "../../store/store.ts";
import { openMemoryStore } from "../../testing/memory-store.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { newOrgId } from "@fastvm/contract";
import type { Caller } from "../caller.ts";
import { engineOf, type Engine, type LaunchOrder } from "../engine.ts";
import { createLifecycle } from "../lifecycle.ts";

const errors: object[] = [];
const LOG = {
  info: () => undefined,
  warn: () => undefined,
  error: (fields: object) => void errors.push(fields),
};
const CLOCK = { now: () => 1 };
const ORDER: LaunchOrder = {
  source: { kind: "machine", machine: { name: "c1m2", cpu: 1, memoryMib: 2048 } },
  name: "",
  settings: {},
  ttl: undefined,
  repeatKey: null,
};

let store: Store;
let worker: FakeWorker;
let engine: Engine;
let caller: Caller;

beforeEach(async () => {
  store = await openMemoryStore();
  worker = new FakeWorker();
  caller = { orgId: newOrgId(), keyId: "key" };
  const limits = DEFAULT_CONFIG.defaultLimits;
  await store.organisations.create({ id: caller.orgId, name: "org", createdAt: 1, limits });
  const staging = createStaging({
    folder: "unused",
    limits: DEFAULT_CONFIG.staging,
    ownerOf: (holder) => stagingOwner(store, holder),
    clock: CLOCK,
    log: LOG,
  });
  engine = engineOf(
    createLifecycle({
      store,
      worker,
      clock: CLOCK,
      log: LOG,
      config: DEFAULT_CONFIG,
      staging,
      sealing: new SealingKeys(undefined),
    }),
  );
});

afterEach(() => store.close());

test("what nobody foresaw is in the log, by what it happened to, and not in the record", async () => {
  const bug = new Error("a secret of the host");
  worker.failNext("launch", bug);
  errors.length = 0;
  const launched = engine.vms.launch(caller, ORDER, { onRecorded: (id) => void (vmId = id) });
  let vmId: VmId | undefined;
  await expect(launched).rejects.toThrow();
  expect(errors).toContainEqual({ err: bug, key: vmId });
  expect((await store.vms.listAll())[0]).toMatchObject({
    status: "error",
    statusReason: "Something went wrong on our side",
  });
});

test("runs, and tells of its record before it does", async () => {
  const recorded: VmId[] = [];
  const vm = await engine.vms.launch(caller, ORDER, { onRecorded: (vmId) => recorded.push(vmId) });
  expect(vm).toMatchObject({ status: "running", machineName: "c1m2", network: undefined });
  expect(recorded).toEqual([vm.id]);
});

test("that is called off before there is a record leaves nothing; afterwards it goes on", async () => {
  const early = new AbortController();
  early.abort(new Error("called off"));
  await expect(engine.vms.launch(caller, ORDER, { signal: early.signal })).rejects.toThrow("called off");
  expect(await engine.vms.list(caller)).toEqual([]);
  const late = new AbortController();
  const onRecorded = () => late.abort(new Error("called off"));
  const vm = await engine.vms.launch(caller, ORDER, { signal: late.signal, onRecorded });
  expect(vm.status).toBe("running");
});

test("names what is wrong with an order in no API's words", async () => {
  const vm = await engine.vms.launch(caller, { ...ORDER, settings: { diskGib: 20 } });
  const { snapshot } = await engine.snapshots.create(caller, vm.id, "");
  const source = { kind: "snapshot", reference: snapshot.id } as const;
  await expect(
    engine.vms.launch(caller, { ...ORDER, source, settings: { diskGib: 19 } }),
  ).rejects.toMatchObject({ code: "invalid_request", field: "diskGib" });
  const nowhere = { kind: "snapshot", reference: "nowhere" } as const;
  await expect(engine.vms.launch(caller, { ...ORDER, source: nowhere })).rejects.toMatchObject({
    code: "not_found",
    field: "snapshot",
  });
});
