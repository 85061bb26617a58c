import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { GeneratedClient } from "../harness/generated-client.ts";
import type { GeneratedRequest } from "../harness/generated-client.ts";
import { sh } from "../harness/guest.ts";
import { processOf } from "../harness/processes.ts";

const SETTLED_MS = 10_000;
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBzmNsBWi+Fh7SkKmIm3vbzZ1XNIoWw8dCy0TS9iMfXe";
/** Less than it takes to start a QEMU, where none waits ready. */
const IMPATIENT_MS = 30;

/** Clients that try three times, also what is no use trying again, against a real daemon. */
describe("a client that tries three times", () => {
  let daemon: TestDaemon;
  let sdk: FastvmClient;
  let client: GeneratedClient;
  let vm: Vm;
  let failed: Vm;

  beforeAll(async () => {
    daemon = await TestDaemon.start({ poolSize: 0 });
    sdk = daemon.client;
    client = new GeneratedClient({ baseUrl: daemon.url, apiKey: daemon.apiKey });
    [vm, failed] = await Promise.all([
      sdk.vms.launch({ machineType: "c1m2", name: "fine" }),
      sdk.vms.launch({ machineType: "c1m2", name: "failed" }),
    ]);
    process.kill((await processOf(daemon.config.dataDir, failed.id)).pid, "SIGKILL");
    await eventually(async () => expect((await sdk.vms.get(failed)).status).toBe("error"), SETTLED_MS);
    await sdk.vms.services.register(vm, { name: "web", port: 8080 });
    await sdk.vms.sshKeys.add(vm, { publicKey: KEY });
    await sdk.me.sshKeys.add({ publicKey: KEY });
  });

  afterAll(() => daemon[Symbol.asyncDispose]());

  test.each<[string, string, string, unknown, number, string]>([
    ["a refresh without a time to live", "POST", "/v1/vms/fine/ttl/refresh", undefined, 409, "ttl_not_set"],
    ["a pause of a VM in error", "POST", "/v1/vms/failed/pause", undefined, 409, "vm_wrong_state"],
    ["a resume of it", "POST", "/v1/vms/failed/resume", undefined, 409, "vm_wrong_state"],
    ["a command in it", "POST", "/v1/vms/failed/exec", { command: ["true"] }, 409, "vm_wrong_state"],
    ["a console of it", "POST", "/v1/vms/failed/console-token", undefined, 409, "vm_wrong_state"],
    ["a snapshot of it", "POST", "/v1/snapshots", { vmId: "failed" }, 409, "vm_wrong_state"],
    ["a key that the VM has", "POST", "/v1/vms/fine/ssh-keys", { publicKey: KEY }, 409, "conflict"],
    ["a key that the organisation has", "POST", "/v1/me/ssh-keys", { publicKey: KEY }, 409, "conflict"],
    [
      "a service on another port",
      "POST",
      "/v1/vms/fine/services",
      { name: "web", port: 9090 },
      409,
      "conflict",
    ],
    ["a machine that there is not", "POST", "/v1/vms", { machineType: "m5.large" }, 400, "invalid_request"],
    ["a path that there is not", "GET", "/_stainless_unknown_path", undefined, 404, "not_found"],
  ])("is stopped after one at %s", async (_, method, path, body, status, code) => {
    const outcome = await client.send(method, path, body === undefined ? {} : { body });
    expect(outcome.attempts).toHaveLength(1);
    expect(outcome.status).toBe(status);
    expect(outcome.attempts[0]?.headers["x-should-retry"]).toBe("false");
    expect(JSON.parse(outcome.text)).toMatchObject({ code, error: expect.any(String) });
  });

  test("does not send a command again whose VM died under it", async () => {
    const doomed = await sdk.vms.launch({ machineType: "c1m2" });
    const { pid } = await processOf(daemon.config.dataDir, doomed.id);
    const body = { command: ["sh", "-c", "touch /root/begun; sleep 100"] };
    const sent = client.send("POST", `/v1/vms/${doomed.id}/exec`, { body });
    await sh(sdk, doomed, "until [ -e /root/begun ]; do sleep 0.05; done");
    process.kill(pid, "SIGKILL");
    const outcome = await sent;
    expect(outcome.attempts).toMatchObject([{ status: 502, headers: { "x-should-retry": "false" } }]);
    expect(JSON.parse(outcome.text)).toMatchObject({ code: "vm_died" });
  });

  test("gets its command through when the guest answers again", async () => {
    const { pid } = await processOf(daemon.config.dataDir, vm.id);
    process.kill(pid, "SIGSTOP");
    const outcome = await client
      .send("POST", "/v1/vms/fine/exec", {
        body: { command: ["echo", "back"], timeoutSec: 2 },
        onFailed: () => process.kill(pid, "SIGCONT"),
      })
      .finally(() => process.kill(pid, "SIGCONT"));
    expect(outcome.attempts.map(({ status }) => status)).toEqual([502, 200]);
    expect(outcome.attempts[0]?.headers["x-should-retry"]).toBeUndefined();
    expect(JSON.parse(outcome.text)).toMatchObject({ exitCode: 0, stdout: "back\n" });
  });

  test("makes one VM, though the first answer was lost", async () => {
    const impatient: GeneratedRequest = {
      body: { machineType: "c1m2", name: "once" },
      readTimeoutMs: (attempt) => (attempt === 0 ? IMPATIENT_MS : 60_000),
    };
    const { attempts, text } = await client.send("POST", "/v1/vms", impatient);
    expect(attempts.map(({ status }) => status)).toEqual([undefined, 201]);
    const made = (await sdk.vms.list()).filter(({ name }) => name === "once");
    expect(made).toMatchObject([{ id: (JSON.parse(text) as Vm).id, status: "running" }]);
  });

  test("makes as many VMs as there are such clients, each its own", async () => {
    const impatient: GeneratedRequest = {
      body: { machineType: "c1m2", name: "each" },
      readTimeoutMs: (attempt) => (attempt === 0 ? IMPATIENT_MS : 60_000),
    };
    const outcomes = await Promise.all([1, 2, 3].map(() => client.send("POST", "/v1/vms", impatient)));
    expect(outcomes.map(({ status }) => status)).toEqual([201, 201, 201]);
    const ids = outcomes.map(({ text }) => (JSON.parse(text) as Vm).id);
    const made = (await sdk.vms.list()).filter(({ name }) => name === "each");
    expect(ids.toSorted()).toEqual(made.map(({ id }) => id).toSorted());
    expect(made).toHaveLength(3);
  });
});
