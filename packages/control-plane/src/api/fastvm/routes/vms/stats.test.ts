import { expect, test } from "vitest";
import { FastvmError } from "@fastvm/contract";
import { testApp } from "../../../../testing/test-app.ts";

const MIB = 1024 ** 2;

test("stats are what the worker measures, beside what the VM may use", async () => {
  await using api = await testApp();
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2", diskGiB: 12 })).body;
  api.worker.usage = {
    process: {
      uptimeMs: 5000,
      cpuSeconds: 1.25,
      cpuPercent: 40,
      residentBytes: 100.26 * MIB,
      ownBytes: 60 * MIB,
    },
    disk: { usedBytes: 700 * MIB, ownBytes: 3 * MIB },
  };
  expect(await api.call(`GET /v1/vms/${id}/stats`)).toMatchObject({
    status: 200,
    body: {
      status: "running",
      uptimeMs: 5000,
      cpuSeconds: 1.25,
      cpuPercent: 40,
      memoryMiB: { limit: 2048, resident: 100.3, own: 60 },
      diskBytes: { limit: 12 * 1024 * MIB, used: 700 * MIB, own: 3 * MIB },
      network: {
        sent: { packets: 40, bytes: expect.any(Number) },
        received: { packets: 50, bytes: expect.any(Number) },
        dropped: { packets: 60, bytes: expect.any(Number) },
      },
    },
  });
});

test("a VM that does not run uses no memory and no processor", async () => {
  await using api = await testApp();
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  await api.call(`POST /v1/vms/${id}/pause`);
  const { body } = await api.call(`GET /v1/vms/${id}/stats`);
  expect(body).toMatchObject({ status: "paused", uptimeMs: 0, cpuSeconds: 0, memoryMiB: { resident: 0 } });
  expect(body.diskBytes).toMatchObject({ used: 4096, own: 1024 });
  expect(body).not.toHaveProperty("network");
});

test("stats and logs of a VM that never came to be are empty", async () => {
  await using api = await testApp();
  api.worker.failNext("launch", new FastvmError("launch_failed"));
  await api.call("POST /v1/vms", { machineType: "c1m2", name: "failed" });
  expect((await api.call("GET /v1/vms/failed/stats")).body).toMatchObject({
    status: "error",
    diskBytes: { used: 0, own: 0 },
  });
  expect((await api.call("GET /v1/vms/failed/logs")).body).toEqual({ console: "", hypervisor: "" });
});

test("a worker that cannot tell is an error, not an empty answer", async () => {
  await using api = await testApp();
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  for (const [method, path] of [
    ["stats", "stats"],
    ["consoleLog", "logs"],
  ] as const) {
    api.worker.failNext(method, new FastvmError("guest_unresponsive"));
    expect((await api.call(`GET /v1/vms/${id}/${path}`)).body).toMatchObject({ code: "guest_unresponsive" });
  }
});

test("logs are text, whatever the guest printed", async () => {
  await using api = await testApp();
  const { id } = (await api.call("POST /v1/vms", { machineType: "c1m2" })).body;
  api.worker.log = { console: Uint8Array.of(0xff, 0x68, 0x69, 0xc3), hypervisor: Buffer.from("qemu: ü") };
  expect(await api.call(`GET /v1/vms/${id}/logs`)).toMatchObject({
    status: 200,
    body: { console: "\ufffdhi\ufffd", hypervisor: "qemu: ü" },
  });
});

test("what a VM used in the last hour is told sample by sample, since an instant or from the first", async () => {
  await using app = await testApp();
  const sample = { cpuPercent: 4.5, cpuSeconds: 2, residentBytes: 300, ownBytes: 200, diskBytes: 100 };
  app.worker.samples = [
    { atMs: Date.parse("2026-11-22T12:00:00Z"), ...sample },
    { atMs: Date.parse("2026-11-22T12:00:10Z"), ...sample },
  ];
  const { id } = (await app.call("POST /v1/vms", { machineType: "c1m2" })).body;
  const all = await app.call(`GET /v1/vms/${id}/metrics`);
  expect(all).toMatchObject({ status: 200, body: { intervalMs: 10_000 } });
  expect(all.body.samples).toHaveLength(2);
  const since = await app.call(`GET /v1/vms/${id}/metrics?since=2026-11-22T12:00:05Z`);
  expect(since.body.samples).toEqual([
    {
      at: "2026-11-22T12:00:10.000Z",
      cpuPercent: 4.5,
      cpuSeconds: 2,
      memoryBytes: { resident: 300, own: 200 },
      diskBytes: 100,
    },
  ]);
  const wrong = await app.call(`GET /v1/vms/${id}/metrics?since=yesterday`);
  expect(wrong).toMatchObject({ status: 400, body: { field: "since" } });
  app.worker.vms.clear();
  expect((await app.call(`GET /v1/vms/${id}/metrics`)).body.samples).toEqual([]);
});
