/** Stop, start and restart as clients see them, also of a process that ended in the middle, and of guests that do it by themselves. */
import { FastvmError, hookSteps, type StepName, type VmId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { eventually } from "../../testing/eventually.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { testApp, type TestAnswer, type TestApp } from "../../testing/test-app.ts";
import { TEST_STORES } from "../../testing/test-stores.ts";
import type { Store } from "../../store/store.ts";

const NEVER_MS = 3_600_000;

describe.each(TEST_STORES)("on $name", ({ open }) => {
  let store: Store;
  let worker: FakeWorker;
  let api: TestApp;
  let id: VmId;

  beforeEach(async () => {
    [store, worker] = [await open(), new FakeWorker()];
    api = await app();
    id = (await api.call("POST /v1/vms", { machineType: "c2m4", name: "kept" })).body.id;
  });

  afterEach(async () => {
    await api[Symbol.asyncDispose]();
    await store.close();
  });

  const app = async (config: object = {}): Promise<TestApp> =>
    testApp({
      store: { ...store, close: async () => undefined },
      worker,
      config: { reconcileEveryMs: NEVER_MS, closeGraceMs: 0, ...config },
    });
  const vm = async (): Promise<TestAnswer["body"]> => (await api.call(`GET /v1/vms/${id}`)).body;
  const order = (verb: string, body?: object): Promise<TestAnswer> => {
    if (verb === "stop") return api.call(`POST /v1/vms/${id}/stop`, body);
    if (verb === "restart") return api.call(`POST /v1/vms/${id}/restart`, body);
    return api.call(`POST /v1/vms/${id}/${verb}`, body);
  };
  const becomes = async (status: string): Promise<void> => {
    await eventually(async () => expect((await vm()).status).toBe(status));
  };
  const causes = async (): Promise<readonly string[]> =>
    (await store.events.listFor(id)).map(({ cause }) => cause);

  test("a stop keeps the disk and what it counts for, and is the same again", async () => {
    const quotas = async () => (await api.call("GET /v1/org/quotas")).body.usage;
    expect(await quotas()).toMatchObject({ vcpu: 2, memoryMiB: 4096, diskGiB: 10 });
    const { status, body } = await order("stop");
    expect([status, body.status, body.statusReason]).toEqual([
      200,
      "stopped",
      "Stopped: its guest powered off",
    ]);
    expect(await quotas()).toMatchObject({ vcpu: 0, memoryMiB: 0, diskGiB: 10 });
    expect((await order("stop", { graceSec: 0 })).body).toMatchObject({ status: "stopped" });
    expect(worker.calls.filter(({ method }) => method === "stopVm")).toHaveLength(1);
  });

  test("a start is answered at once, says that the disk boots, and ends in a VM that runs", async () => {
    await order("stop", { graceSec: 0 });
    const release = worker.hold("startVm");
    const { status, body } = await order("start");
    expect([status, body.status, body.statusReason]).toEqual([202, "provisioning", "Its disk boots"]);
    expect((await order("start")).body.status).toBe("provisioning");
    release();
    await becomes("running");
    expect(await vm()).not.toHaveProperty("statusReason");
    expect((await order("start")).status).toBe(200);
    expect(worker.vms.get(id)?.generation).toBe(2);
    expect((await causes()).slice(-3)).toEqual(["stop_succeeded", "start_started", "start_succeeded"]);
  });

  test("a start that fails leaves the VM stopped, with the reason, and it can be started again", async () => {
    await order("stop");
    worker.failNext("startVm", new FastvmError("launch_failed", "its disk does not boot"));
    await order("start");
    await becomes("stopped");
    expect((await vm()).statusReason).toContain("its disk does not boot");
    await order("start");
    await becomes("running");
  });

  test("a restart is provisioning at once, stops first, and of a stopped VM is a start", async () => {
    const { status, body } = await order("restart", { graceSec: 5 });
    expect([status, body.status]).toEqual([202, "provisioning"]);
    await becomes("running");
    await order("stop");
    expect((await order("restart")).status).toBe(202);
    await becomes("running");
    const done = worker.calls.map(({ method }) => method).filter((method) => /^(stop|start)Vm/.test(method));
    expect(done).toEqual(["stopVm", "startVm", "stopVm", "startVm"]);
  });

  test("who stops a VM that starts has it stopped", async () => {
    await order("stop");
    const release = worker.hold("startVm");
    await order("start");
    await eventually(() => expect(worker.calls.at(-1)?.method).toBe("startVm"));
    expect((await order("stop")).body.status).toBe("stopped");
    release();
    await eventually(() => expect(worker.vms.get(id)?.status).toBe("stopped"));
    await becomes("stopped");
  });

  test("a VM without room on the host waits to be started, and who stops it takes it back", async () => {
    await order("stop");
    worker.memoryMib = 0;
    expect((await order("start")).body).toMatchObject({
      status: "provisioning",
      statusReason: "Waiting for room on the host",
    });
    expect((await order("stop")).body.status).toBe("stopped");
    await order("start");
    worker.memoryMib = 2 ** 20;
    await order("start");
    await api.call("POST /v1/vms", { machineType: "c1m2" });
    await becomes("running");
    await eventually(() => expect(worker.calls.filter(({ method }) => method === "launch")).toHaveLength(2));
  });

  test("a guest that powers off is stopped, and one that reboots is started again", async () => {
    worker.emit({ kind: "vm_stopped", vmId: id, reason: "The guest powered off", restarts: false });
    await becomes("stopped");
    expect((await vm()).statusReason).toBe("The guest powered off");
    await order("start");
    await becomes("running");
    worker.emit({ kind: "vm_stopped", vmId: id, reason: "The guest rebooted", restarts: true });
    await eventually(async () => expect(await causes()).toContain("rebooted"));
    await becomes("running");
    expect((await causes()).slice(-2)).toEqual(["rebooted", "start_succeeded"]);
    expect(worker.vms.get(id)?.generation).toBe(3);
  });

  test("its time to live stands still while it is stopped", async () => {
    await api.call(`PATCH /v1/vms/${id}`, { ttl: { action: "pause", seconds: 3600 } });
    const { body } = await order("stop");
    expect(body.ttlRemainingMs).toBeGreaterThan(3_500_000);
    expect(body).not.toHaveProperty("expiresAtMs");
    expect((await api.call(`POST /v1/vms/${id}/ttl/refresh`)).body.ttlRemainingMs).toBe(3_600_000);
    await order("start");
    await becomes("running");
    expect((await vm()).expiresAtMs).toBeGreaterThan(Date.now());
    expect(worker.vms.get(id)?.deadline?.action).toBe("pause");
  });

  test("keys and firewall that change while it is stopped are its next life's", async () => {
    await order("stop");
    const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    await api.call(`POST /v1/vms/${id}/ssh-keys`, { publicKey });
    await api.call(`PUT /v1/vms/${id}/firewall`, { egress: { default: "deny", rules: [] } });
    await order("start");
    await becomes("running");
    expect(worker.vms.get(id)).toMatchObject({
      authorizedKeys: [publicKey],
      network: { egress: { default: "deny" } },
    });
    await eventually(async () => expect(await store.owed.of(id)).toEqual([]));
  });

  test("what needs a VM that runs, or one that is paused, says that it is stopped", async () => {
    await order("stop");
    for (const route of ["pause", "resume", "fork", "console-token"])
      expect(await order(route), route).toMatchObject({ status: 409, body: { code: "vm_wrong_state" } });
    expect((await api.call("POST /v1/snapshots", { vmId: id })).body.code).toBe("vm_wrong_state");
    await api.call(`POST /v1/vms/${id}/start`);
    await becomes("running");
    await order("pause");
    for (const route of ["stop", "start", "restart"])
      expect(await order(route), route).toMatchObject({ status: 409, body: { code: "vm_wrong_state" } });
  });

  test("a lost VM starts if its disk is kept, and says so if it is not", async () => {
    const lost = worker.vms.get(id);
    if (lost === undefined) throw new Error("it is not there");
    worker.emit({ kind: "vm_failed", vmId: id, reason: "QEMU was ended by SIGKILL" });
    await becomes("error");
    expect((await order("start")).body).toMatchObject({
      code: "vm_wrong_state",
      message: expect.stringContaining("nothing of its disk is left"),
    });
    worker.vms.set(id, { ...lost, status: "stopped" });
    expect((await order("start")).body.status).toBe("provisioning");
    await becomes("running");
  });

  /** The process is no more: whatever it has not done at this step it never does. */
  async function diesAt(step: StepName, verb: string): Promise<void> {
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    const unhook = hookSteps((name) => {
      if (name !== step) return Promise.resolve();
      resolve();
      return new Promise(() => undefined);
    });
    onTestFinished(unhook);
    void order(verb).catch(() => undefined);
    await reached;
    unhook();
  }

  test.each([
    ["control.stop.begun", "running"],
    ["control.stop.answered", "stopped"],
  ] as const)("a stop that was cut at %s is done or not", async (step, status) => {
    await diesAt(step, "stop");
    await using next = await app();
    expect((await next.call(`GET /v1/vms/${id}`)).body.status).toBe(status);
    expect(worker.vms.get(id)?.status).toBe(status);
  });

  test.each([
    ["start", "control.start.recorded"],
    ["start", "control.start.answered"],
    ["restart", "control.start.recorded"],
    ["restart", "control.start.stopped"],
    ["restart", "control.start.answered"],
  ] as const)("a %s that was cut at %s goes on in the next process", async (verb, step) => {
    if (verb === "start") await order("stop");
    await diesAt(step, verb);
    await using next = await app();
    await eventually(async () => expect((await next.call(`GET /v1/vms/${id}`)).body.status).toBe("running"));
    expect(worker.vms.get(id)).toMatchObject({ status: "running", generation: 2 });
    expect((await causes()).filter((cause) => /^(re)?start_started$/.test(cause))).toHaveLength(1);
  });

  const ENDS = {
    off: { kind: "vm_stopped", reason: "The guest powered off", restarts: false, cause: "guest" },
    down: { kind: "vm_stopped", reason: "Its host went down", restarts: false, cause: "host" },
    failed: { kind: "vm_failed", reason: "its QEMU was ended" },
  } as const;

  test.each([
    ["never", []],
    ["on-host-failure", ["down", "failed"]],
    ["always", ["off", "down", "failed"]],
  ] as const)("by the policy %s it starts by itself after %j", async (restartPolicy, ends) => {
    await api[Symbol.asyncDispose]();
    api = await app({ expireEveryMs: 5 });
    const changed = await api.call(`PATCH /v1/vms/${id}`, { restartPolicy });
    expect(changed.body).toMatchObject({ restartPolicy, durability: "relaxed" });
    for (const name of ["off", "down", "failed"] as const) {
      const found = worker.vms.get(id);
      if (found === undefined) throw new Error("it is not there");
      found.hasDisk = true;
      const before = found.generation;
      worker.emit({ ...ENDS[name], vmId: id });
      const isToStart = (ends as readonly string[]).includes(name);
      await eventually(async () => {
        const now = await store.vms.get(id);
        expect(now?.status).toBe(isToStart ? "running" : name === "failed" ? "error" : "stopped");
        if (isToStart) expect(now?.generation).toBe((before ?? 1) + 1);
        else expect(now?.restartAt).toBeNull();
      });
      // Told to end it never does, whatever it is to do otherwise.
      if (isToStart)
        expect(await order("stop", { graceSec: 0 })).toMatchObject({ body: { status: "stopped" } });
      expect((await store.vms.get(id))?.restartAt).toBeNull();
      await order("start");
      await becomes("running");
    }
  });

  test("what was to start by itself in a process that ended does so in the next, unless it is stopped before", async () => {
    await api.call(`PATCH /v1/vms/${id}`, { restartPolicy: "always" });
    const found = worker.vms.get(id);
    if (found === undefined) throw new Error("it is not there");
    worker.emit({ ...ENDS.off, vmId: id });
    await eventually(async () => expect((await store.vms.get(id))?.restartAt).not.toBeNull());
    await using next = await app({ expireEveryMs: 5 });
    await eventually(async () => expect((await next.call(`GET /v1/vms/${id}`)).body.status).toBe("running"));
    await next.call(`POST /v1/vms/${id}/stop`, {});
    expect((await store.vms.get(id))?.restartAt).toBeNull();
  });

  test("a launch with a restart policy is strict, unless it says otherwise", async () => {
    const launched = async (more: object) =>
      (await api.call("POST /v1/vms", { machineType: "c1m2", ...more })).body;
    expect(await launched({})).toMatchObject({ durability: "relaxed", restartPolicy: "never" });
    const strict = await launched({ restartPolicy: "always" });
    expect(strict).toMatchObject({ durability: "strict", restartPolicy: "always" });
    expect(worker.vms.get(strict.id)?.spec).toMatchObject({ durability: "strict" });
    const asked = { restartPolicy: "on-host-failure", durability: "relaxed" };
    expect(await launched(asked)).toMatchObject(asked);
  });

  test.each([
    [false, "stopped"],
    [true, "running"],
  ] as const)(
    "a guest that stopped while nobody listened, to start again: %s, is %s",
    async (restarts, status) => {
      const found = worker.vms.get(id);
      if (found === undefined) throw new Error("it is not there");
      Object.assign(found, { status: "stopped", reason: "told by the worker", restarts });
      await using next = await app();
      await eventually(async () => expect((await next.call(`GET /v1/vms/${id}`)).body.status).toBe(status));
      expect(await causes()).toContain(restarts ? "rebooted" : "found_stopped");
    },
  );
});
