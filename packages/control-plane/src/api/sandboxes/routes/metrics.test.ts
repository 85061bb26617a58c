/** What a sandbox used, as its specification has it looked at. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../../testing/eventually.ts";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;

/** On a machine that is busy with others. */
beforeAll(async () => {
  api = await sandboxesApp();
}, 60_000);
afterAll(() => api[Symbol.asyncDispose]());

let made = 0;
async function make(runtime: object): Promise<string> {
  const image = { type: "oci", reference: "base" };
  const { id } = await api.ok("POST /v1/sandboxes?start=true", { name: `m-${made++}`, image, runtime });
  return id;
}
const metrics = (id: string) => api.ok(`GET /v1/sandboxes/${id}/metrics`);

test("takes samples of what it used, as often as it says, or none", { timeout: 60_000 }, async () => {
  const process = { uptimeMs: 5, cpuSeconds: 2, cpuPercent: 50, residentBytes: 9, ownBytes: 4 };
  api.fastvm.worker.usage = { process, disk: { usedBytes: 7, ownBytes: 3 } };
  api.fastvm.worker.samples = [
    { atMs: 1000, cpuPercent: 1, cpuSeconds: 1, residentBytes: 2, ownBytes: 1, diskBytes: 1 },
  ];
  const plain = await metrics(await make({}));
  expect(plain).toMatchObject({ interval_ms: 10_000 });
  expect(plain.samples).toMatchObject([
    { timestamp: "1970-01-01T00:00:01.000Z", uptime_ms: null, memory_limit_bytes: 512 * 1024 ** 2 },
    { cpu_percent: 50, vcpu_time_ns: 2e9, memory_bytes: 4, memory_host_resident_bytes: 9, uptime_ms: 5 },
  ]);
  const often = await make({ metrics_sample_interval_ms: 1000 });
  await eventually(async () => {
    const { interval_ms: interval, samples } = await metrics(often);
    expect(interval).toBe(1000);
    // One of now, and those that were taken before.
    expect(samples.length).toBeGreaterThanOrEqual(3);
  });
  const refusal = { status: 501, body: { code: "not_supported" } };
  for (const runtime of [
    { disable_metrics_sample: true, metrics_sample_interval_ms: 1000 },
    { metrics_sample_interval_ms: null },
  ])
    expect(await api.call(`GET /v1/sandboxes/${await make(runtime)}/metrics`)).toMatchObject(refusal);
  expect(
    await api.call(`GET /v1/sandboxes/${often}/metrics`, undefined, { key: api.otherKey }),
  ).toMatchObject({
    status: 404,
  });
});
