/** The SDK against the real control plane over real sockets; only the VMs are fake. */
import { createControlPlane, FakeWorker } from "@fastvm/control-plane";
import type { ControlPlane } from "@fastvm/control-plane";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  AuthenticationError,
  BadRequestError,
  ConflictError,
  FastVM,
  FastvmClient,
  NotFoundError,
} from "./index.ts";
import { selfSignedCertificate } from "./testing/self-signed.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** What precedes the 32 bytes of an ed25519 key: its type and its length, each with a length before it. */
const KEY_HEADER = Buffer.from("\0\0\0\u000bssh-ed25519\0\0\0\u0020", "latin1");

let plane: ControlPlane;
let stagingFolder: string;
let worker: FakeWorker;
let connection: { apiKey: string; baseUrl: string };

beforeEach(async () => {
  stagingFolder = await mkdtemp(join(tmpdir(), "fastvm-sdk-staging-"));
  worker = new FakeWorker();
  plane = await createControlPlane(options());
  connection = {
    apiKey: await plane.ensureKey(),
    baseUrl: await plane.listen({ host: "127.0.0.1", port: 0 }),
  };
});

afterEach(async () => {
  await plane.close();
  await rm(stagingFolder, { recursive: true, force: true });
});

function options() {
  const store = { kind: "sqlite", path: ":memory:" } as const;
  return { worker, log: silent, store, stagingFolder, config: { connectionGraceMs: 50 } };
}

describe("FastvmClient", () => {
  it("takes a VM through its life", async () => {
    const client = new FastvmClient(connection);
    expect((await client.health()).status).toBe("ok");
    const vm = await client.vms.launch({ machineType: "c1m2", name: "dev", metadata: { env: "test" } });
    expect(vm).toMatchObject({ name: "dev", status: "running", cpu: 1, memoryMiB: 2048 });
    expect(await client.vms.list({ metadata: { env: "test" } })).toHaveLength(1);
    expect(await client.vms.list({ metadata: { env: "other" } })).toEqual([]);
    expect((await client.vms.pause(vm)).status).toBe("paused");
    await expect(client.vms.run(vm, "true")).rejects.toBeInstanceOf(ConflictError);
    expect((await client.vms.resume(vm)).status).toBe("running");
    expect((await client.vms.rename(vm, "prod")).name).toBe("prod");
    const snapshot = await client.snapshots.create({ vmId: vm.id, name: "s" });
    expect(snapshot.status).toBe("ready");
    const restored = await client.snapshots.restore(snapshot, { name: "branch" });
    expect(restored).toMatchObject({ name: "branch", sourceName: "s" });
    const { children } = await client.vms.fork(vm, { count: 3, names: ["a", "b", "c"] });
    expect(children.map((child) => child.vm?.name)).toEqual(["a", "b", "c"]);
    expect((await client.quotas.retrieve()).usage).toMatchObject({ vcpu: 5, snapshotCount: 1 });
    expect(await client.snapshots.delete(snapshot)).toEqual({ id: snapshot.id, deleted: true });
    expect(await client.vms.delete(vm)).toEqual({ id: vm.id, deleted: true });
    await expect(client.vms.get(vm)).rejects.toBeInstanceOf(NotFoundError);
  });

  it("runs and streams commands", async () => {
    worker.command = async function* (spec) {
      yield { kind: "stdout", data: new TextEncoder().encode(`${spec.command.join(" ")} ${spec.cwd}`) };
      yield { kind: "stderr", data: new Uint8Array([255, 0]) };
      yield { kind: "exit", exitCode: 3, timedOut: false, durationMs: 5 };
    };
    const { vms } = new FastvmClient(connection);
    const vm = await vms.launch({ machineType: "c1m2" });
    const result = await vms.run(vm, "echo hi", { cwd: "/tmp" });
    expect(result).toMatchObject({ exitCode: 3, stdout: "sh -c echo hi /tmp", stderr: "\ufffd\u0000" });
    const events = await Array.fromAsync(vms.stream(vm, ["ls"]));
    expect(events.map(({ type }) => type)).toEqual(["stdout", "stderr", "exit"]);
    expect(events[1]).toEqual({ type: "stderr", data: new Uint8Array([255, 0]) });
  });

  it("kills the command of a stream that is left", async () => {
    worker.command = async function* () {
      for (;;) {
        yield { kind: "stdout", data: new Uint8Array(1000) };
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const { vms } = new FastvmClient(connection);
    const vm = await vms.launch({ machineType: "c1m2" });
    for await (const _ of vms.stream(vm, "yes")) break;
    await expect.poll(() => worker.killed, { timeout: 5000 }).toBe(1);
  });

  it("keeps services, SSH keys, a firewall and a time to live", async () => {
    const { vms, me } = new FastvmClient(connection);
    const vm = await vms.launch({ machineType: "c1m2", ttl: { action: "pause", seconds: 3600 } });
    expect(vm.ttl).toEqual({ action: "pause", seconds: 3600 });
    expect((await vms.refreshTtl(vm)).expiresAtMs).toBeGreaterThanOrEqual(vm.expiresAtMs ?? Infinity);
    expect((await vms.update(vm, { ttl: null })).ttl ?? undefined).toBeUndefined();
    await expect(vms.refreshTtl(vm)).rejects.toBeInstanceOf(ConflictError);

    const web = { name: "web", port: 8080, h2c: false };
    expect(await vms.services.register(vm, { name: "web", port: 8080 })).toMatchObject(web);
    expect(await vms.services.register(vm, { name: "web", port: 8080 })).toMatchObject(web);
    await expect(vms.services.register(vm, { name: "web", port: 8081 })).rejects.toBeInstanceOf(
      ConflictError,
    );
    expect(await vms.services.update(vm, "web", { port: 8081, h2c: true })).toMatchObject({
      port: 8081,
      h2c: true,
    });
    expect(await vms.services.list(vm)).toHaveLength(1);
    await vms.services.delete(vm, "web");
    await vms.services.delete(vm, "web");
    expect(await vms.services.list(vm)).toEqual([]);

    const publicKey = `ssh-ed25519 ${Buffer.concat([KEY_HEADER, Buffer.alloc(32, 7)]).toString("base64")}`;
    const key = await vms.sshKeys.add(vm, { publicKey: `${publicKey} me@here\n`, name: "laptop" });
    expect(key).toMatchObject({ publicKey, name: "laptop", fingerprint: expect.stringMatching(/^SHA256:/) });
    expect((await vms.sshKeys.list(vm)).keys).toHaveLength(1);
    expect((await vms.sshKeys.delete(vm, key.fingerprint)).deleted).toBe(true);
    const own = await me.sshKeys.add({ publicKey });
    expect((await me.sshKeys.list()).keys).toEqual([own]);
    await me.sshKeys.delete(own.fingerprint);

    const egress = { default: "deny", rules: [] } as const;
    expect((await vms.setFirewall(vm, { egress })).firewall).toMatchObject({ egress });
    const enforced = await vms.firewall.get(vm);
    expect(enforced).toMatchObject({ policy: { egress }, hits: { egress: { default: { packets: 30 } } } });
    const flat = new FastVM(connection);
    const ingress = [{ protocol: "tcp", portStart: 22 }];
    expect((await flat.setFirewall(vm, { mode: "restricted", ingress })).firewall).toMatchObject({
      mode: "restricted",
    });
    // This client knows both dialects and sees the policy as it was written.
    expect((await vms.get(vm)).firewall).toMatchObject({ mode: "restricted", ingress });
  });

  it("names the field that is wrong, and a wrong key", async () => {
    const { vms } = new FastvmClient(connection);
    const wrong = vms.launch({ machineType: "c9" });
    await expect(wrong).rejects.toBeInstanceOf(BadRequestError);
    await expect(wrong).rejects.toMatchObject({ field: "machineType", code: "invalid_request" });
    const stranger = new FastvmClient({ ...connection, apiKey: "wrong" });
    await expect(stranger.vms.list()).rejects.toBeInstanceOf(AuthenticationError);
  });
});

describe("FastVM", () => {
  it("launches, snapshots, restores and runs, as its quick start does", async () => {
    worker.command = async function* () {
      yield { kind: "stdout", data: new TextEncoder().encode("hello\n") };
      yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 5 };
    };
    const client = new FastVM(connection);
    await client.warmup();
    const vm = await client.launch({ machine: "c1m2" });
    const snapshot = await client.snapshot(vm, { name: "my-snap" });
    const restored = await client.restore(snapshot);
    expect(restored.memoryMib).toBe(2048);
    expect((await client.run(restored, "echo hello")).stdout).toBe("hello\n");
    expect((await client.quotas()).usage.memoryMib).toBe(4096);
    client.close();
  });

  it("sees a firewall on every VM, whoever wrote it and whether anybody did", async () => {
    const [flat, { vms }] = [new FastVM(connection), new FastvmClient(connection)];
    const closed = { mode: "restricted", ingress: [] };
    const vm = await flat.launch();
    expect(vm.firewall).toEqual(closed);
    const web = { action: "allow", kind: "cidr", value: "::/0", protocol: "tcp", ports: "80-90" } as const;
    await vms.setFirewall(vm, { ingress: { default: "deny", rules: [web] } });
    const shown = { mode: "restricted", ingress: [{ protocol: "tcp", portStart: 80, portEnd: 90 }] };
    expect((await flat.get(vm)).firewall).toEqual(shown);
    expect((await flat.list()).map(({ firewall }) => firewall)).toEqual([shown]);
    const snapshot = await flat.snapshot(vm);
    expect(snapshot.firewall).toEqual(shown);
    expect((await flat.restore(snapshot)).firewall).toEqual(shown);
    expect((await flat.patchFirewall(vm, { mode: "open" })).firewall?.mode).toBe("open");
    flat.close();
  });

  it("speaks HTTP/2 to a server with a certificate", async () => {
    const certificate = selfSignedCertificate();
    setDefaultCACertificates([...getCACertificates("default"), certificate.cert]);
    const secure = await createControlPlane({
      ...options(),
      stagingFolder: `${stagingFolder}/tls`,
      tls: certificate,
    });
    const versions = new Set<string>();
    secure.app.server.on("request", (request: { httpVersion: string }) => versions.add(request.httpVersion));
    const apiKey = await secure.ensureKey();
    const baseUrl = await secure.listen({ host: "127.0.0.1", port: 0 });
    const client = new FastVM({ apiKey, baseUrl });
    await client.warmup();
    const [vm] = await Promise.all([client.launch(), client.list(), client.quotas()]);
    expect((await client.run(vm, "true")).exitCode).toBe(0);
    expect([...versions]).toEqual(["2.0"]);
    client.close();
    await secure.close();
  });
});
