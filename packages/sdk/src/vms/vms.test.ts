import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { FastvmClient, VMLaunchError, VMNotReadyError } from "../index.ts";
import { json, SNAPSHOT, VM, WireServer } from "../testing/wire-server.ts";

function clientOf(server: WireServer): FastvmClient {
  return new FastvmClient({ apiKey: "k", baseUrl: server.url });
}

/** Method, path and body of each call the server saw. */
function callsOf(server: WireServer): string[] {
  return server.requests.map(({ method, url, body }) => `${method} ${url} ${body}`.trim());
}

describe("launch", () => {
  it("returns at once when the first answer says running", async () => {
    await using server = await WireServer.start(json(201, VM));
    expect(await clientOf(server).vms.launch({ machineType: "c1m2", name: "dev" })).toEqual(VM);
    expect(callsOf(server)).toEqual(['POST /v1/vms {"machineType":"c1m2","name":"dev"}']);
  });

  it("looks at once and then again until the VM runs", async () => {
    const queued = { ...VM, status: "provisioning" };
    await using server = await WireServer.start(json(202, queued), json(200, queued), json(200, VM));
    const started = performance.now();
    expect(await clientOf(server).vms.launch({ machineType: "c1m2" }, {}, { pollIntervalMs: 1 })).toEqual(VM);
    // The shortest interval is 500 ms, less 10 % of jitter.
    expect(performance.now() - started).toBeGreaterThan(440);
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET", "GET"]);
  });

  it("throws when the VM ends in error, and says why", async () => {
    const failed = { ...VM, status: "error", statusReason: "no kernel" };
    await using server = await WireServer.start(
      json(202, { ...VM, status: "provisioning" }),
      json(200, failed),
    );
    const failure = clientOf(server).vms.launch({ machineType: "c1m2" });
    await expect(failure).rejects.toBeInstanceOf(VMLaunchError);
    await expect(failure).rejects.toThrow("no kernel");
  });

  it("throws when it takes too long", async () => {
    await using server = await WireServer.start(json(202, { ...VM, status: "provisioning" }));
    const failure = clientOf(server).vms.launch({ machineType: "c1m2" }, {}, { timeoutMs: 30 });
    await expect(failure).rejects.toBeInstanceOf(VMNotReadyError);
  });

  it("returns the first answer with wait: false", async () => {
    await using server = await WireServer.start(json(202, { ...VM, status: "provisioning" }));
    const vm = await clientOf(server).vms.launch({ machineType: "c1m2" }, {}, { wait: false });
    expect(vm.status).toBe("provisioning");
  });

  it("deletes a VM at the end of its block, and minds none that is gone", async () => {
    await using server = await WireServer.start(
      json(201, VM),
      json(200, { id: VM.id, deleted: true }),
      json(201, VM),
      json(404, { error: "VM not found" }),
    );
    const { vms } = clientOf(server);
    const work = async (): Promise<void> => {
      await using vm = await vms.temporary({ machineType: "c1m2" });
      expect(vm).toEqual(VM);
      expect(JSON.stringify(vm)).toBe(JSON.stringify(VM));
      throw new Error("the block is left");
    };
    await expect(work()).rejects.toThrow("the block is left");
    {
      await using vm = await vms.temporary({ machineType: "c1m2" });
      expect(vm.id).toBe(VM.id);
    }
    const [launch, remove] = ["POST /v1/vms", `DELETE /v1/vms/${VM.id}`];
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      launch,
      remove,
      launch,
      remove,
    ]);
  });

  it("stops waiting when the caller aborts", async () => {
    await using server = await WireServer.start(json(202, { ...VM, status: "provisioning" }));
    const abort = new AbortController();
    const launch = clientOf(server).vms.launch({ machineType: "c1m2" }, { signal: abort.signal });
    await delay(50);
    abort.abort();
    await expect(launch).rejects.toThrow("aborted");
  });
});

describe("resources", () => {
  it("calls each VM route as the API names it", async () => {
    await using server = await WireServer.start(json(200, VM));
    const { vms } = clientOf(server);
    await vms.retrieve(VM);
    await vms.get(VM.id);
    await vms.update(VM, { metadata: {}, ttl: null });
    await vms.rename(VM, "new");
    await vms.pause(VM);
    await vms.resume(VM);
    await vms.fork(VM, { count: 2, names: ["a", "b"] });
    await vms.delete(VM);
    const path = `/v1/vms/${VM.id}`;
    expect(callsOf(server)).toEqual([
      `GET ${path}`,
      `GET ${path}`,
      `PATCH ${path} {"metadata":{},"ttl":null}`,
      `PATCH ${path} {"name":"new"}`,
      `POST ${path}/pause`,
      `POST ${path}/resume`,
      `POST ${path}/fork {"count":2,"names":["a","b"]}`,
      `DELETE ${path}`,
    ]);
  });

  it("calls each snapshot route as the API names it", async () => {
    await using server = await WireServer.start(json(200, SNAPSHOT));
    const { snapshots, quotas } = clientOf(server);
    await snapshots.create({ vmId: VM.id, name: "s" });
    await snapshots.list({ metadata: { env: "prod" } });
    await snapshots.get(SNAPSHOT);
    await snapshots.rename(SNAPSHOT, "t");
    await snapshots.delete(SNAPSHOT.id);
    await snapshots.restore(SNAPSHOT, { name: "branch" }, {}, { wait: false });
    await quotas.retrieve();
    const path = `/v1/snapshots/${SNAPSHOT.id}`;
    expect(callsOf(server)).toEqual([
      `POST /v1/snapshots {"vmId":"${VM.id}","name":"s"}`,
      "GET /v1/snapshots?metadata.env=prod",
      `GET ${path}`,
      `PATCH ${path} {"name":"t"}`,
      `DELETE ${path}`,
      `POST /v1/vms {"name":"branch","snapshotId":"${SNAPSHOT.id}"}`,
      "GET /v1/org/quotas",
    ]);
  });

  it("sends stdin as the bytes it is given", async () => {
    await using server = await WireServer.start(json(200, {}));
    const { vms } = clientOf(server);
    await vms.run(VM, ["cat"], { stdin: "é\n" });
    await vms.run(VM, ["cat"], { stdin: new Uint8Array([0, 255, 10]).subarray(1) });
    expect(server.requests.map(({ body }) => JSON.parse(body))).toEqual([
      { command: ["cat"], stdin: Buffer.from("é\n").toString("base64") },
      { command: ["cat"], stdin: Buffer.from([255, 10]).toString("base64") },
    ]);
  });
});
