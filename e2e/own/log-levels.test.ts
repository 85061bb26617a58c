/** What users and guests do every day is no bug of ours, and the log does not call it one. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";

/** Some ten seconds under emulation, on a busy machine some times that. */
const BOOT_DEADLINE_MS = 240_000;

let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  daemon = await TestDaemon.start();
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
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
