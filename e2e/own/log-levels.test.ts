/** What a daemon tells of what users and guests do every day: its log calls none of it a bug of ours, its spans say how long it took. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TraceCollector } from "../../packages/daemon/src/testing/trace-collector.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";

/** Some ten seconds under emulation, on a busy machine some times that. */
const BOOT_DEADLINE_MS = 240_000;

let collector: TraceCollector;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  collector = await TraceCollector.start();
  const traces = { url: collector.endpoint, ratio: 1, isParentBased: true, timeoutMs: 4_000 };
  daemon = await TestDaemon.start({ settings: { traces } });
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
});

/** pino's levels: 40 is a warning, 50 an error. */
async function errorsLogged(): Promise<readonly string[]> {
  const lines = (await daemon.log()).split("\n").filter((line) => line.startsWith("{"));
  return lines.filter((line) => (JSON.parse(line) as { level: number }).level >= 50);
}

test("QEMU says nothing of a healthy VM", async () => {
  expect((await client.vms.logs(vm)).hypervisor).toBe("");
});

test("a client that hangs up, in a buffered and in a streamed exec", async () => {
  for (const accept of ["application/json", "application/x-ndjson"]) {
    const hangUp = new AbortController();
    const call = fetch(`${daemon.url}/v1/vms/${vm.id}/exec`, {
      method: "POST",
      headers: { "x-api-key": daemon.apiKey, "content-type": "application/json", accept },
      body: JSON.stringify({ command: ["sh", "-c", "touch /run/begun; exec sleep 1000"] }),
      signal: hangUp.signal,
    });
    await sh(client, vm, "until [ -e /run/begun ]; do sleep 0.1; done; rm /run/begun");
    hangUp.abort();
    await call.catch(() => undefined);
    await sh(client, vm, "while pgrep -x sleep; do sleep 0.1; done");
  }
  expect(await errorsLogged()).toEqual([]);
});

test("a guest that reboots, while a command runs", async () => {
  const boot = "cat /proc/sys/kernel/random/boot_id";
  const before = await sh(client, vm, boot);
  await client.vms.run(vm, "reboot -f; sleep 1000").catch(() => undefined);
  await eventually(async () => expect(await sh(client, vm, boot)).not.toBe(before), BOOT_DEADLINE_MS);
  expect(await errorsLogged()).toEqual([]);
});

test("a collector is told of requests, and of the daemon's work within each, but of no word of theirs", async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const answer = await fetch(`${daemon.url}/v1/vms/${vm.id}/exec`, {
    method: "POST",
    headers: {
      "x-api-key": daemon.apiKey,
      "content-type": "application/json",
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    },
    body: JSON.stringify({ command: ["echo", "a-word-of-mine"] }),
  });
  expect(await answer.text()).toContain("a-word-of-mine");
  await eventually(async () => {
    const own = collector.spans.filter((span) => span.traceId === traceId);
    const request = own.find(({ name }) => name === "POST /v1/vms/{vmId}/exec");
    const work = own.find(({ name }) => name === "vm.exec");
    expect(request?.parentSpanId).toBe("00f067aa0ba902b7");
    expect(work).toMatchObject({
      parentSpanId: request?.spanId,
      status: 0,
      attributes: { "fastvm.vm.id": vm.id },
    });
  }, 30_000);
  expect(collector.named("vm.launch")).toHaveLength(1);
  expect(collector.text).not.toContain("a-word-of-mine");
  expect(collector.text).not.toContain(daemon.apiKey);
});
