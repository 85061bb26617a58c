import { describe, expect, it } from "vitest";
import { FastVM, InternalServerError, VMLaunchError, VMNotReadyError } from "../index.ts";
import { json, SNAPSHOT, VM, WireServer } from "../testing/wire-server.ts";

const QUICK = { "retry-after-ms": "1" };
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const QUEUED = { ...VM, status: "provisioning" };

function clientOf(server: WireServer): FastVM {
  return new FastVM({ apiKey: "k", baseUrl: server.url });
}

describe("launch", () => {
  it("asks for c1m2 under a new UUID, and writes units the flat way", async () => {
    await using server = await WireServer.start(json(201, { ...VM, sourceName: "", deletedAt: null }));
    const vm = await clientOf(server).launch();
    expect(vm).toEqual({
      id: VM.id,
      name: "dev",
      orgId: VM.orgId,
      machineName: "c1m2",
      cpu: 1,
      memoryMib: 2048,
      diskGib: 10,
      status: "running",
      createdAt: VM.createdAt,
    });
    const body: unknown = JSON.parse(server.requests[0]?.body ?? "");
    expect(body).toEqual({ machineType: "c1m2", name: expect.stringMatching(UUID) });
  });

  it("passes on name, disk and firewall", async () => {
    await using server = await WireServer.start(json(201, VM));
    const firewall = { mode: "restricted", ingress: [{ protocol: "tcp", portStart: 22 }] } as const;
    await clientOf(server).launch({ machine: "c2m4", name: "n", diskGib: 20, firewall });
    const body: unknown = JSON.parse(server.requests[0]?.body ?? "");
    expect(body).toEqual({ machineType: "c2m4", name: "n", diskGiB: 20, firewall });
  });

  it("looks every quarter of a second until the VM runs", async () => {
    await using server = await WireServer.start(json(202, QUEUED), json(200, QUEUED), json(200, VM));
    const started = performance.now();
    await clientOf(server).launch();
    expect(performance.now() - started).toBeGreaterThan(480);
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET", "GET"]);
  });

  it("throws when the VM fails or takes too long", async () => {
    await using failing = await WireServer.start(json(202, QUEUED), json(200, { ...VM, status: "error" }));
    await expect(clientOf(failing).launch()).rejects.toBeInstanceOf(VMLaunchError);
    await using slow = await WireServer.start(json(202, QUEUED));
    await expect(clientOf(slow).launch({ timeout: 300 })).rejects.toBeInstanceOf(VMNotReadyError);
  });
});

describe("run", () => {
  it("tries again after 502, 503 and 504, three times", async () => {
    await using server = await WireServer.start(
      json(502, {}, QUICK),
      json(503, {}, QUICK),
      json(504, {}, QUICK),
      json(200, { exitCode: 7 }),
    );
    expect((await clientOf(server).run(VM.id, "x")).exitCode).toBe(7);
    expect(server.requests).toHaveLength(4);
  });

  it("does not try again after a 500, or more often than asked", async () => {
    await using server = await WireServer.start(json(500, {}, QUICK));
    await expect(clientOf(server).run(VM.id, "x")).rejects.toBeInstanceOf(InternalServerError);
    expect(server.requests).toHaveLength(1);
    await using busy = await WireServer.start(json(503, {}, QUICK));
    await expect(clientOf(busy).run(VM.id, "x", { transientRetries: 0 })).rejects.toThrow();
    expect(busy.requests).toHaveLength(1);
  });
});

describe("the other calls", () => {
  it("go to the routes that they name", async () => {
    await using server = await WireServer.start((request, response) => {
      const body = request.url.includes("snapshots") ? SNAPSHOT : { ...VM, firewall: { mode: "open" } };
      return json(200, body)(request, response);
    });
    const client = clientOf(server);
    await client.warmup();
    expect(server.requests[0]?.headers["user-agent"]).toMatch(/^fastvm-flat-js\//);
    await client.restore(SNAPSHOT, { name: "r" });
    await client.rename(VM, "n");
    expect((await client.setFirewall(VM, { mode: "open" })).firewall).toEqual({ mode: "open" });
    await client.patchFirewall(VM, { ingress: [] });
    await client.remove(VM);
    await client.renameSnapshot(SNAPSHOT, "s");
    await client.removeSnapshot(SNAPSHOT.id);
    expect(server.requests.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())).toEqual([
      "GET /healthz",
      `POST /v1/vms {"snapshotId":"${SNAPSHOT.id}","name":"r"}`,
      `PATCH /v1/vms/${VM.id} {"name":"n"}`,
      `PUT /v1/vms/${VM.id}/firewall {"mode":"open"}`,
      `PATCH /v1/vms/${VM.id}/firewall {"ingress":[]}`,
      `DELETE /v1/vms/${VM.id}`,
      `PATCH /v1/snapshots/${SNAPSHOT.id} {"name":"s"}`,
      `DELETE /v1/snapshots/${SNAPSHOT.id}`,
    ]);
  });

  it("wait until a snapshot is ready", async () => {
    await using server = await WireServer.start(
      json(201, { ...SNAPSHOT, status: "creating" }),
      json(200, SNAPSHOT),
    );
    expect((await clientOf(server).snapshot(VM, { name: "s" })).status).toBe("ready");
    expect(server.requests.map(({ url }) => url)).toEqual(["/v1/snapshots", `/v1/snapshots/${SNAPSHOT.id}`]);
  });

  it("show quotas with the flat units", async () => {
    const values = { vcpu: 1, memoryMiB: 2, diskGiB: 3, snapshotCount: 4 };
    await using server = await WireServer.start(json(200, { orgId: "o", limits: values, usage: values }));
    const flat = { vcpu: 1, memoryMib: 2, diskGib: 3, snapshotCount: 4 };
    expect(await clientOf(server).quotas()).toEqual({ orgId: "o", limits: flat, usage: flat });
  });

  it("fork all or none", async () => {
    const good = { children: [{ vm: VM }, { vm: VM }], pauseMs: 1 };
    await using server = await WireServer.start(json(201, good));
    expect(await clientOf(server).fork(VM, { count: 2 })).toHaveLength(2);
    const bad = { children: [{ vm: VM }, { error: { error: "no room" } }], pauseMs: 1 };
    await using full = await WireServer.start(json(201, bad));
    await expect(clientOf(full).fork(VM, { count: 2 })).rejects.toThrow("1 of 2");
    expect(full.requests.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
  });
});
