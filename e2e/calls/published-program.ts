/**
 * A program as one is written for the published package: its call shapes, its options, its words. It counts what it calls
 * and ends with an error as soon as an answer is not what it was written for. Prints the count.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import FastvmClient, {
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  NotFoundError,
  VMNotReadyError,
} from "fastvm";

let calls = 0;
const client = new FastvmClient({
  apiKey: process.env["FASTVM_API_KEY"],
  baseURL: process.env["FASTVM_BASE_URL"],
  timeout: 120_000,
  maxRetries: 1,
  logLevel: "off",
  defaultHeaders: { "X-Program": "sixty calls" },
  fetch: (input, init) => {
    // Staging URLs are called without a key, and without anything else of the client's.
    const isStaging = new Request(input).url.includes("/staging/");
    assert.equal(new Headers(init?.headers).get("x-program"), isStaging ? null : "sixty calls");
    return fetch(input, init);
  },
});

/** One call, counted. */
async function call<Result>(made: PromiseLike<Result>): Promise<Result> {
  calls += 1;
  return await made;
}

async function refused(made: PromiseLike<unknown>, kind: typeof APIError, status: number): Promise<APIError> {
  calls += 1;
  const error = await Promise.resolve(made).then(
    () => assert.fail("it was not refused"),
    (reason: unknown) => reason,
  );
  assert(error instanceof APIError && error instanceof kind);
  assert.equal(error.status, status);
  return error;
}

const text = (value: string): string => Buffer.from(value).toString("base64");

// Health, and answers as they came.
assert.equal((await call(client.health())).status, "ok");
const { data: health, response: healthResponse } = await call(client.health().withResponse());
assert.deepEqual([health.status, healthResponse.status], ["ok", 200]);
assert.deepEqual(await (await call(client.health().asResponse())).json(), { status: "ok" });
await refused(client.withOptions({ apiKey: "My API Key" }).vms.list(), AuthenticationError, 401);
await refused(client.get("/_stainless_unknown_path", { maxRetries: 0 }), NotFoundError, 404);

// VMs.
const vm = await call(
  client.vms.launch(
    { machineType: "c1m2", name: "published", metadata: { env: "prod" }, envVars: { STAGE: "test" } },
    { timeout: 120_000, maxRetries: 0 },
    { wait: true, pollIntervalMs: 500, timeoutMs: 120_000 },
  ),
);
assert.equal(vm.status, "running");
const raw = await call(client.vms.launch({ machineType: "c1m2" }, undefined, { wait: false }).withResponse());
assert([201, 202].includes(raw.response.status));
const ready = await call(client.waitForVmReady(raw.data.id, { pollIntervalMs: 500, timeoutMs: 120_000 }));
assert.equal(ready.status, "running");
assert.deepEqual(await call(client.vms.delete(ready.id)), { id: ready.id, deleted: true });
assert.equal((await call(client.vms.retrieve(vm.id))).name, "published");
assert.equal((await call(client.vms.list())).length, 1);
assert.equal((await call(client.vms.list({ status: "running" }))).length, 1);
assert.equal((await call(client.vms.list({}, { query: { "metadata.env": "prod" } }))).length, 1);
assert.deepEqual(await call(client.vms.list({ status: "unheard-of" })), []);
const changed = await call(client.vms.update(vm.id, { name: "renamed", metadata: { env: "test" } }));
assert.deepEqual([changed.name, changed.metadata], ["renamed", { env: "test" }]);
const timed = await call(client.vms.update(vm.id, { ttl: { action: "pause", seconds: 3600 } }));
assert(timed.expiresAtMs !== undefined);
assert.equal((await call(client.vms.refreshTtl(vm.id))).ttl?.seconds, 3600);
assert.equal((await call(client.vms.update(vm.id, { ttl: null }))).ttl ?? null, null);
const noTtl = await refused(client.vms.refreshTtl(vm.id, { maxRetries: 0 }), ConflictError, 409);
assert.equal((noTtl.error as { code?: string }).code, "ttl_not_set");
await refused(client.vms.launch({ machineType: "huge" }), BadRequestError, 400);
await refused(client.vms.retrieve("vm_does_not_exist_000000"), NotFoundError, 404);

// Commands: an object with argv, stdin as it goes over the wire.
const ran = await call(
  client.vms.run(vm.id, { command: ["sh", "-c", "echo $STAGE; exit 3"], timeoutSec: 30 }),
);
assert.deepEqual([ran.exitCode, ran.stdout, ran.timedOut, ran.stdoutTruncated], [3, "test\n", false, false]);
const echoed = await call(client.vms.run(vm.id, { command: ["cat"], stdin: text("größe") }));
assert.equal(echoed.stdout, "größe");
const late = await call(client.vms.run(vm.id, { command: ["sleep", "100"], timeoutSec: 1 }));
assert(late.timedOut);
const headed = await call(
  client.vms
    .run(vm.id, { command: ["true"] }, { headers: { "X-Request-ID": "of-a-program" } })
    .withResponse(),
);
assert.equal(headed.response.headers.get("x-request-id"), "of-a-program");
calls += 1;
await assert.rejects(
  client.vms.run(vm.id, { command: ["sleep", "100"] }, { timeout: 300 }),
  APIConnectionTimeoutError,
);
calls += 1;
const signal = AbortSignal.timeout(200);
await assert.rejects(client.vms.run(vm.id, { command: ["sleep", "100"] }, { signal }), APIUserAbortError);
calls += 1;
let [out, err, exit] = ["", "", -1];
const streamed = ["sh", "-c", "echo out; echo err >&2; cat; exit 2"];
for await (const event of client.vms.stream(vm.id, { command: streamed, stdin: text("in") })) {
  if (event.type === "o") out += Buffer.from(event.data).toString();
  else if (event.type === "e") err += Buffer.from(event.data).toString();
  else exit = event.exitCode;
}
assert.deepEqual([out, err, exit], ["out\nin", "err\n", 2]);
calls += 1;
for await (const event of client.vms.stream(vm.id, { command: ["sh", "-c", "yes"] })) {
  assert.equal(event.type, "o");
  break;
}

// Files.
const folder = mkdtempSync(join(tmpdir(), "published-"));
writeFileSync(join(folder, "config.toml"), "a = 1\n");
await call(client.upload(vm.id, join(folder, "config.toml"), "/etc/app.toml"));
await call(client.download(vm.id, "/etc/app.toml", join(folder, "back.toml")));
assert.equal(readFileSync(join(folder, "back.toml"), "utf8"), "a = 1\n");
await call(client.upload(vm.id, folder, "/root/folder"));
await call(client.download(vm.id, "/root/folder", join(folder, "back")));
assert.equal(readFileSync(join(folder, "back/config.toml"), "utf8"), "a = 1\n");
calls += 1;
await assert.rejects(client.download(vm.id, "/root/nothing", join(folder, "nothing")), { code: "ENOENT" });
const presign = await call(client.vms.files.presign(vm.id, { path: "/root/file.txt" }));
assert.equal((await fetch(presign.uploadUrl, { method: "PUT", body: "by hand" })).ok, true);
const fetchParams = { url: presign.downloadUrl, path: "/root/file.txt", timeoutSec: 60 };
assert.equal((await call(client.vms.files.fetch(vm.id, fetchParams))).exitCode, 0);

// Services: of a VM by its id, what belongs to it by its name.
assert.equal((await call(client.vms.services.register(vm.id, { name: "web", port: 8080 }))).h2c, false);
await refused(client.vms.services.register(vm.id, { name: "web", port: 8081 }), ConflictError, 409);
const updated = await call(client.vms.services.update("web", { id: vm.id, port: 8081, h2c: true }));
assert.deepEqual([updated.port, updated.h2c], [8081, true]);
assert.equal((await call(client.vms.services.list(vm.id)))[0]?.name, "web");
await call(client.vms.services.delete("web", { id: vm.id }));
assert.equal((await call(client.vms.services.delete("web", { id: vm.id }).asResponse())).status, 204);

// Keys.
const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
const key = await call(client.vms.sshKeys.add(vm.id, { publicKey, name: "laptop" }));
assert.equal((await call(client.vms.sshKeys.list(vm.id))).keys[0]?.fingerprint, key.fingerprint);
assert((await call(client.vms.sshKeys.delete(key.fingerprint, { id: vm.id }))).deleted);

// Firewall and console.
const rule = { action: "allow", kind: "cidr", value: "::/0", protocol: "tcp", ports: "443" } as const;
await call(client.vms.setFirewall(vm.id, { ingress: { default: "deny", rules: [rule] } }));
await call(client.vms.patchFirewall(vm.id, { dns: { mode: "deny", domains: ["bad.example"] } }));
assert.equal((await call(client.vms.setFirewall(vm.id, { mode: "restricted", ingress: [] }))).id, vm.id);
const token = await call(client.vms.consoleToken(vm.id));
assert.equal(token.websocketPath, `/v1/vms/${vm.id}/console/ws`);

// Snapshots.
const snapshot = await call(client.snapshots.create({ vmId: vm.id, name: "point" }));
assert.deepEqual([snapshot.status, snapshot.vmId], ["ready", vm.id]);
assert.equal((await call(client.snapshots.retrieve(snapshot.id))).name, "point");
assert.equal((await call(client.snapshots.update(snapshot.id, { name: "other" }))).name, "other");
assert.equal((await call(client.snapshots.list())).length, 1);
const restored = await call(client.vms.launch({ snapshotId: snapshot.id, name: "restored" }));
assert.deepEqual([restored.status, restored.sourceName], ["running", "other"]);
await call(client.vms.delete(restored.id));
assert((await call(client.snapshots.delete(snapshot.id))).deleted);

// Pause and resume.
assert.equal((await call(client.vms.pause(vm.id))).status, "paused");
await refused(client.vms.run(vm.id, { command: ["true"] }), ConflictError, 409);
calls += 1;
await assert.rejects(client.waitForVmReady(vm.id, { timeoutMs: 100 }), VMNotReadyError);
assert.equal((await call(client.vms.resume(vm.id))).status, "running");

// The organisation; builds, of which this one finds no registry.
const quotas = await call(client.quotas.retrieve());
assert(quotas.limits.vcpu >= quotas.usage.vcpu);
const build = await call(client.builds.create({ imageRef: "localhost:1/none", name: "none" }));
assert.deepEqual([build.status, build.imageRef], ["pending", "localhost:1/none"]);
await refused(client.builds.create({ name: "none" }), BadRequestError, 400);
for (let { status } = build; status !== "failed"; { status } = await client.builds.retrieve(build.id)) {
  assert(["pending", "running"].includes(status));
}
assert.match((await call(client.builds.retrieve(build.id))).error ?? "", /registry/);
const place = await call(client.buildContexts.presign());
assert.equal((await fetch(place.uploadUrl, { method: "PUT", body: "not a tar" })).status, 200);
await call(client.vms.delete(vm.id));

process.stdout.write(`${calls}\n`);
