/** Sandboxes from their creation to their end, and the same VMs as the other APIs see them. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FastvmError, type VmId } from "@fastvm/contract";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;

/** On a machine that is busy with others. */
beforeEach(async () => {
  api = await sandboxesApp();
}, 60_000);
afterEach(() => api[Symbol.asyncDispose]());

const SPEC = { name: "one", image: { type: "oci", reference: "base" } };
const NAMED = { type: "named", name: "data", guest: "/mnt/data" };
const NOFILE = { resource: "nofile", soft: 1, hard: 1 };
const CREATE = { name: "data", kind: "directory", labels: [] };
const creating = (fields: object) => ({
  mounts: [{ ...NAMED, create: { ...CREATE, mode: "ensure_exists", ...fields } }],
});
const START = "POST /v1/sandboxes?start=true&wait_for=running&wait_timeout=90";
const make = (fields: object = {}) => api.ok(START, { ...SPEC, ...fields });
const policy = (rules: object[]) => ({
  network: { policy: { default_egress: "deny", default_ingress: "allow", rules } },
});
const specOfVm = (id: string) => api.fastvm.worker.vms.get(id as VmId)?.spec;

describe("POST /v1/sandboxes", () => {
  test("makes a VM of the host's base image, small, and answers both generations of clients", async () => {
    const sandbox = await make();
    expect(sandbox).toMatchObject({
      org_id: api.fastvm.orgId,
      name: "one",
      slug: "one",
      status: "running",
      ephemeral: false,
      status_reason: null,
      last_failure_message: null,
      last_error: null,
      spec: SPEC,
      config: { name: "one", image: "base", vcpus: 1, memory_mib: 512, env: {}, ephemeral: false },
    });
    expect(specOfVm(sandbox.id)).toMatchObject({ machine: { cpu: 1, memoryMib: 512 }, diskGib: 10 });
    expect((await api.fastvm.call("GET /v1/vms")).body).toMatchObject([{ id: sandbox.id, name: "one" }]);
  });

  test("gives it what is asked for", async () => {
    const asked = {
      resources: { vcpus: 2, memory_mib: 3072, disk_size_mib: 20_000 },
      runtime: { hostname: "guest-1", workdir: "/srv" },
      env: [{ key: "A", value: "b" }],
      labels: { team: "a" },
    };
    const { id, spec } = await make(asked);
    expect(spec).toMatchObject(asked);
    expect(specOfVm(id)).toMatchObject({ machine: { cpu: 2, memoryMib: 3072 }, diskGib: 20 });
    expect(specOfVm(id)?.identity).toMatchObject({ hostname: "guest-1", envVars: { A: "b" } });
    expect((await api.fastvm.call(`GET /v1/vms/${id}`)).body.metadata).toEqual({ team: "a" });
  });

  test("takes the flat form, whose sandboxes go with their end unless they say otherwise", async () => {
    const flat = {
      name: "flat",
      image: "base",
      vcpus: 2,
      memory_mib: 1024,
      env: { A: "b" },
      workdir: "/srv",
    };
    const sandbox = await api.ok("POST /v1/sandboxes?start=true", { ...flat, max_duration_secs: 60 });
    expect(sandbox).toMatchObject({
      status: "running",
      ephemeral: true,
      config: { ...flat, ephemeral: true },
    });
    expect(specOfVm(sandbox.id)?.ttl).toMatchObject({ action: "delete" });
  });

  test("takes the form of the local client", async () => {
    const { id, spec } = await make({
      image: { Oci: { reference: "base", upper_size_mib: 20_000 } },
      resources: { cpus: 2, memory_mib: 1024 },
      pull_policy: "IfMissing",
      mounts: [{ type: "Tmpfs", guest: "/mnt/a", size_mib: 8, options: {} }],
    });
    expect(spec).toMatchObject({
      image: { type: "oci", reference: "base" },
      resources: { vcpus: 2, memory_mib: 1024 },
      pull_policy: "if_missing",
      mounts: [{ type: "tmpfs", size_mib: 8 }],
    });
    expect(specOfVm(id)).toMatchObject({ diskGib: 20 });
  });

  test("has its root changed before it boots for the first time", async () => {
    const asked = {
      runtime: { scripts: { greet: "#!/bin/sh\necho hi\n" } },
      rlimits: [{ ...NOFILE, hard: 2 ** 64 }],
      patches: [
        { type: "text", path: "/a", content: "ä", mode: 0o600, replace: true },
        { type: "file", path: "/b", content: [0, 255] },
        { type: "symlink", target: "../b", link: "/c", replace: true },
        { type: "mkdir", path: "/d" },
        { type: "remove", path: "/e" },
        { type: "append", path: "/a", content: "!" },
      ],
      init: { cmd: "/sbin/init", args: ["--flag"], env: [["K", "v"]] },
      security_profile: "restricted",
    };
    const { id, spec } = await make(asked);
    expect(spec).toMatchObject(asked);
    const base64 = (bytes: string | number[]) => Buffer.from(bytes as string).toString("base64");
    expect(specOfVm(id)?.source).toEqual({
      kind: "template",
      setup: {
        patches: [
          { kind: "write", path: "/a", content: base64("ä"), mode: 0o600, replace: true },
          { kind: "write", path: "/b", content: base64([0, 255]), mode: 0o644, replace: false },
          { kind: "symlink", path: "/c", target: "../b", replace: true },
          { kind: "mkdir", path: "/d", mode: 0o755 },
          { kind: "remove", path: "/e" },
          { kind: "append", path: "/a", content: base64("!") },
          {
            ...{ kind: "write", path: "/.msb/scripts/greet", mode: 0o755, replace: true },
            content: base64("#!/bin/sh\necho hi\n"),
          },
        ],
        limits: [{ resource: "nofile", soft: 1, hard: 2 ** 64 }],
        init: { command: "/sbin/init", args: ["--flag"], env: { K: "v" } },
        restricted: true,
      },
    });
    // Done: a later start has it on its disk.
    expect(await api.fastvm.store.vms.get(id as VmId)).toMatchObject({ rootSetup: null });
  });

  test("keeps what is to be done to its root until it is, also while it waits for room", async () => {
    const { worker, store } = api.fastvm;
    worker.failNext("launch", new FastvmError("out_of_capacity"));
    const patches = [{ type: "mkdir", path: "/d" }];
    const { id } = await api.ok("POST /v1/sandboxes?start=true", { ...SPEC, patches });
    await vi.waitFor(
      async () =>
        expect(await store.vms.get(id as VmId)).toMatchObject({ status: "running", rootSetup: null }),
      { timeout: 30_000 },
    );
    expect(specOfVm(id)?.source).toMatchObject({ setup: { patches: [{ kind: "mkdir", path: "/d" }] } });
  });

  test("without a network reaches nothing", async () => {
    const { id } = await make({ network: { enabled: false, strict: false } });
    expect(specOfVm(id)?.network).toMatchObject({
      egress: { default: "deny", rules: [] },
      ingress: { default: "deny", rules: [] },
      dns: { mode: "allow", domains: [] },
    });
  });

  test("has the network device that it asks for, whatever it may reach", async () => {
    const { id, spec } = await make({
      network: {
        interface: {
          ...{ mac: [2, 0, 0, 0, 0, 255], mtu: 1400 },
          ...{ ipv4_pool: "172.16.9.129/24", ipv6_address: "fd00::9", ipv6_pool: "fd00::/64" },
        },
      },
    });
    expect(spec.network.interface.mtu).toBe(1400);
    const guestLink = { mac: "02:00:00:00:00:ff", mtu: 1400, ipv4: "172.16.9.2", ipv6: "fd00::9" };
    expect(specOfVm(id)?.network).toMatchObject({ guestLink, egress: { default: "allow" } });
    // Who changes its firewall says nothing of that.
    const open = { egress: { default: "deny", rules: [] } };
    expect((await api.fastvm.call(`PUT /v1/vms/${id}/firewall`, open)).status).toBe(200);
    expect(api.fastvm.worker.vms.get(id as VmId)?.network).toMatchObject({
      guestLink,
      egress: { default: "deny" },
    });
    const pool = { ipv6_pool: "2001:db8:1:2:3::/80" };
    const { id: other } = await make({ name: "two", network: { interface: pool } });
    expect(specOfVm(other)?.network).toMatchObject({ guestLink: { ipv6: "2001:db8:1:2:3::2" } });
  });

  test("reaches what its policy says, in its order, and asks for no names but those", async () => {
    const { id } = await make(
      policy([
        { direction: "egress", destination: { domain: "Bad.example.com" }, action: "deny" },
        {
          direction: "any",
          destination: { domain_suffix: "example.com" },
          protocols: ["tcp"],
          ports: [{ start: 443, end: 443 }],
          action: "allow",
        },
        { direction: "ingress", destination: "any", action: "allow" },
        {
          direction: "egress",
          destination: { cidr: "10.1.0.0/16" },
          ports: [{ start: 1, end: 9 }],
          action: "allow",
        },
        { direction: "egress", destination: { group: "metadata" }, action: "deny" },
      ]),
    );
    const fqdn = (value: string) => ({ action: "allow", kind: "fqdn", value, protocol: "tcp", ports: "443" });
    const cidr = (protocol: string) => ({
      action: "allow",
      kind: "cidr",
      value: "10.1.0.0/16",
      protocol,
      ports: "1-9",
    });
    expect(specOfVm(id)?.network).toMatchObject({
      ingress: { default: "deny", rules: [] },
      egress: {
        default: "deny",
        rules: [
          { action: "deny", kind: "fqdn", value: "bad.example.com", protocol: "any", ports: "any" },
          fqdn("example.com"),
          fqdn("*.example.com"),
          cidr("tcp"),
          cidr("udp"),
          { action: "deny", kind: "cidr", value: "169.254.169.254/32", protocol: "any" },
        ],
      },
      dns: { mode: "allow", domains: ["example.com", "*.example.com"] },
    });
  });

  test("reaches the world, and asks for every name, with the policy that clients send by themselves", async () => {
    const { id } = await make(
      policy([
        { direction: "egress", destination: { domain: "bad.example.com" }, action: "deny" },
        {
          direction: "egress",
          destination: { group: "host" },
          protocols: ["udp", "tcp"],
          ports: [{ start: 53, end: 53 }],
          action: "allow",
        },
        { direction: "egress", destination: { group: "public" }, protocols: [], ports: [], action: "allow" },
      ]),
    );
    expect(specOfVm(id)?.network).toMatchObject({
      egress: { default: "deny", rules: [{ action: "deny" }, { value: "0.0.0.0/0" }, { value: "::/0" }] },
      dns: { mode: "deny", domains: ["bad.example.com"] },
    });
  });

  test("makes the volumes that it is to have, and takes those again that no sandbox came of", async () => {
    const kinds = { quota_mib: 1500, labels: [["team", "a"]] };
    const { id, spec } = await make(creating({ mode: "create", ...kinds }));
    expect(spec.mounts).toMatchObject([{ type: "named", name: "data", create: null }]);
    expect(specOfVm(id)?.volumes).toMatchObject([{ mountPath: "/mnt/data", readOnly: false }]);
    expect(await api.ok("GET /v1/volumes")).toMatchObject([
      { name: "data", capacity_bytes: 2 * 1024 ** 3, labels: { team: "a" } },
    ]);
    await make({ name: "two", ...creating(kinds) });
    const refused: [string, object][] = [
      ["name", { mode: "create" }],
      ["kind", { kind: "disk", capacity_mib: 1500 }],
      ["quota_mib", { quota_mib: 4096 }],
    ];
    for (const [field, fields] of refused) {
      const answer = await api.call(START, { ...SPEC, name: "three", ...creating(fields) });
      expect(answer).toMatchObject({
        status: 400,
        body: { error: { details: { field: `mounts.0.create.${field}` } } },
      });
    }
    const disk = { ...CREATE, name: "disk", mode: "create", kind: "disk", capacity_mib: 1024 };
    const mounts = [{ ...NAMED, name: "disk", guest: "/srv/disk/", create: disk }];
    // Its name is taken.
    expect((await api.call(START, { ...SPEC, mounts })).status).toBe(409);
    expect(await api.ok("GET /v1/volumes")).toHaveLength(1);
    const four = await make({ name: "four", mounts });
    expect(specOfVm(four.id)?.volumes).toMatchObject([{ mountPath: "/srv/disk", isDisk: true }]);
  });

  test("mounts volumes and files in memory, with what is not to be done with them", async () => {
    await api.ok("POST /v1/volumes", { name: "data", capacity_gib: 1, labels: {} });
    const options = { readonly: true, noexec: true, nosuid: false, nodev: false };
    const { id } = await make({
      mounts: [
        { ...NAMED, options, stat_virtualization: "off", host_permissions: "mirror", create: null },
        { type: "tmpfs", guest: "/mnt/memory", size_mib: 64 },
        { type: "bind", host: "/srv/x", guest: "/mnt/host", quota_mib: 8, host_permissions: "mirror" },
        { type: "disk_image", host: "/srv/a.vmdk", guest: "/mnt/disk", format: "vmdk", fstype: "xfs" },
      ],
    });
    expect(specOfVm(id)?.volumes).toMatchObject([
      { mountPath: "/mnt/data", readOnly: true, noexec: true },
      { mountPath: "/mnt/memory", source: { kind: "tmpfs", sizeMib: 64 } },
      {
        mountPath: "/mnt/host",
        source: {
          kind: "host",
          path: "/srv/x",
          quotaMib: 8,
          statVirtualization: "strict",
          hostPermissions: "mirror",
        },
      },
      { source: { kind: "image", path: "/srv/a.vmdk", format: "vmdk", fstype: "xfs" } },
    ]);
    const denied = await api.call(
      START,
      { ...SPEC, mounts: [{ type: "bind", host: "/srv", guest: "/mnt/a" }] },
      { key: api.otherKey },
    );
    expect(denied).toMatchObject({ status: 403, body: { code: "host_mount_denied" } });
    const none = await api.call(START, { ...SPEC, name: "two", mounts: [{ ...NAMED, name: "none" }] });
    expect(none).toMatchObject({ status: 404, body: { code: "volume_not_found" } });
  });

  test("without start only records it, and the first start makes its VM", async () => {
    const { id, status } = await api.ok("POST /v1/sandboxes", SPEC);
    expect(status).toBe("created");
    expect(api.fastvm.worker.vms.size).toBe(0);
    const started = await api.ok(`POST /v1/sandboxes/${id}/start?wait_for=running`, {});
    expect(started).toMatchObject({ id, status: "running" });
    expect(await api.ok("POST /v1/sandboxes/by-name/one/start", {})).toMatchObject({ id, status: "running" });
    expect(api.fastvm.worker.vms.size).toBe(1);
  });

  test("tells of a start that failed by the record", async () => {
    api.fastvm.worker.failNext("launch", "launch_failed");
    expect(await make()).toMatchObject({ status: "failed", last_failure_message: expect.any(String) });
  });

  test("of a name that is taken is refused, and nothing is left of it", async () => {
    await make();
    const answer = await api.call(START, SPEC);
    expect(answer).toMatchObject({
      status: 409,
      body: { code: "name_already_exists", error: { code: "name_already_exists" } },
    });
    expect(api.fastvm.worker.vms.size).toBe(1);
    expect((await api.ok("GET /v1/sandboxes")).data).toHaveLength(1);
    expect((await api.call(START, SPEC, { key: api.otherKey })).status).toBe(200);
  });

  test("keeps a registry's password to itself", async () => {
    const registry = { mode: "inline", username: "u", password: "hunter-2" };
    const answer = await api.call(START, { ...SPEC, registry });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain("hunter-2");
    expect((await api.call("GET /v1/sandboxes/by-name/one")).text).not.toContain("hunter-2");
  });
});

describe("GET /v1/sandboxes", () => {
  test("goes by pages, newest first, and by labels", async () => {
    const names = ["a", "b", "c", "d"];
    for (const name of names) await make({ name, labels: { odd: String(names.indexOf(name) % 2) } });
    const seen: string[] = [];
    let cursor = "";
    do {
      const page = await api.ok(`GET /v1/sandboxes?limit=3${cursor}`);
      seen.push(...page.data.map(({ name }: { name: string }) => name));
      expect(page.has_more).toBe(page.next_cursor !== null);
      cursor = page.next_cursor === null ? "" : `&cursor=${page.next_cursor}`;
    } while (cursor !== "");
    expect(seen.toSorted()).toEqual(names);
    const labels = encodeURIComponent(JSON.stringify({ odd: "1" }));
    const odd = (await api.ok(`GET /v1/sandboxes?labels=${labels}`)).data;
    expect(odd.map(({ name }: { name: string }) => name).toSorted()).toEqual(["b", "d"]);
    expect((await api.call("GET /v1/sandboxes?labels=x")).status).toBe(400);
    expect((await api.call("GET /v1/sandboxes?cursor=x")).status).toBe(400);
    expect((await api.call("GET /v1/sandboxes?limit=101")).status).toBe(400);
  });
});

describe("one sandbox", () => {
  test("is found by id and by name, and by nobody else", async () => {
    const { id } = await make();
    expect(await api.ok(`GET /v1/sandboxes/${id}`)).toEqual(await api.ok("GET /v1/sandboxes/by-name/one"));
    expect(await api.ok(`GET /microsandbox/v1/sandboxes/${id}`)).toMatchObject({ id });
    for (const route of [`GET /v1/sandboxes/${id}`, "GET /v1/sandboxes/by-name/one"]) {
      const answer = await api.call(route, undefined, { key: api.otherKey });
      expect(answer).toMatchObject({ status: 404, body: { code: "sandbox_not_found" } });
    }
  });

  test("is not opened by keys of other APIs", async () => {
    const answer = await api.call("GET /v1/sandboxes", undefined, { key: "fvm_other" });
    expect(answer).toMatchObject({ status: 401, body: { code: "invalid_api_key" } });
  });

  test.each([`by-name/one`, "id"])("is deleted by %s with its VM", async (by) => {
    const { id } = await make();
    const route = by === "id" ? `DELETE /v1/sandboxes/${id}` : `DELETE /v1/sandboxes/by-name/one`;
    expect(await api.ok(route)).toMatchObject({ message: expect.any(String) });
    expect(api.fastvm.worker.vms.size).toBe(0);
    expect((await api.call(route)).status).toBe(404);
    expect((await make()).id).not.toBe(id);
  });

  test("that never ran is deleted", async () => {
    const { id } = await api.ok("POST /v1/sandboxes", SPEC);
    await api.ok(`DELETE /v1/sandboxes/${id}`);
    expect((await api.ok("GET /v1/sandboxes")).data).toEqual([]);
  });

  test("is gone when another API deleted its VM", async () => {
    const { id } = await make();
    await api.fastvm.call(`DELETE /v1/vms/${id}`);
    expect((await api.call("GET /v1/sandboxes/by-name/one")).status).toBe(404);
    expect((await make()).status).toBe("running");
  });

  test("is stopped and started, as often as it is said", async () => {
    const { id } = await make();
    for (const route of [`POST /v1/sandboxes/${id}/stop`, "POST /v1/sandboxes/by-name/one/stop"]) {
      expect(await api.ok(route, {})).toMatchObject({
        id,
        status: "stopped",
        stopped_at: expect.any(String),
      });
    }
    expect((await api.fastvm.call(`GET /v1/vms/${id}`)).body.status).toBe("stopped");
    for (const route of [`POST /v1/sandboxes/${id}/start`, "POST /v1/sandboxes/by-name/one/start"]) {
      expect(await api.ok(`${route}?wait_for=running`, {})).toMatchObject({ id, status: "running" });
    }
  });

  test("ends an ephemeral sandbox that is idle", async () => {
    await using quick = await sandboxesApp({ config: { expireEveryMs: 10 } });
    const idle = { ephemeral: true, idle_timeout_secs: 1 };
    const { id } = await quick.ok(START, { ...SPEC, lifecycle: idle });
    await quick.ok(START, { ...SPEC, name: "two", lifecycle: { ephemeral: true, idle_timeout_secs: 3600 } });
    await vi.waitFor(async () => expect((await quick.call(`GET /v1/sandboxes/${id}`)).status).toBe(404), {
      timeout: 10_000,
    });
    expect(await quick.ok("GET /v1/sandboxes/by-name/two")).toMatchObject({ status: "running" });
  });

  test("stops one that is not ephemeral at the end of its time, which each start begins anew, or when it is idle", async () => {
    await using quick = await sandboxesApp({ config: { expireEveryMs: 10 } });
    const { store } = quick.fastvm;
    const stopped = (id: string) =>
      vi.waitFor(
        async () => expect(await quick.ok(`GET /v1/sandboxes/${id}`)).toMatchObject({ status: "stopped" }),
        {
          timeout: 30_000,
        },
      );
    const lifecycle = { max_duration_secs: 3600 };
    const { id } = await quick.ok(START, { ...SPEC, lifecycle });
    const { id: idle } = await quick.ok(START, { ...SPEC, name: "two", lifecycle: { idle_timeout_secs: 1 } });
    await stopped(idle);
    expect(await quick.ok(`GET /v1/sandboxes/${id}`)).toMatchObject({ status: "running" });
    await store.vms.update(id as VmId, { lifeEndsAt: Date.now() - 1 });
    await stopped(id);
    await quick.ok(`POST /v1/sandboxes/${id}/start`, {});
    const soon = Date.now() + 60_000;
    await quick.ok(`POST /v1/sandboxes/${id}/stop`, {});
    await store.vms.update(id as VmId, { lifeEndsAt: soon });
    expect(await quick.ok(`POST /v1/sandboxes/${id}/start?wait_for=running`, {})).toMatchObject({
      status: "running",
    });
    expect((await store.vms.get(id as VmId))?.lifeEndsAt).toBeGreaterThan(soon);
  });

  test("says when it stopped, also when its guest powered off, and when it failed", async () => {
    const [{ id: off }, { id: failed }] = [await make(), await make({ name: "two" })];
    expect(await api.ok(`GET /v1/sandboxes/${off}`)).toMatchObject({ stopped_at: null });
    const { worker } = api.fastvm;
    const before = new Date().toISOString();
    worker.emit({ kind: "vm_stopped", vmId: off, reason: "The guest powered off", restarts: false });
    worker.emit({ kind: "vm_failed", vmId: failed, reason: "its QEMU was ended" });
    await vi.waitFor(async () => {
      const stopped = await api.ok(`GET /v1/sandboxes/${off}`);
      expect(stopped).toMatchObject({ status: "stopped" });
      expect(stopped.stopped_at >= before, stopped.stopped_at).toBe(true);
      const broken = await api.ok(`GET /v1/sandboxes/${failed}`);
      expect(broken).toMatchObject({ status: "failed", stopped_at: expect.any(String) });
    });
  });

  test("that is ephemeral is gone a while after it stopped, and one that is not stays", async () => {
    const config = { expireEveryMs: 10, keepEndedMs: 1000 };
    await using quick = await sandboxesApp({ config });
    const kept = await quick.ok(START, { ...SPEC, name: "kept" });
    const { id } = await quick.ok(START, { ...SPEC, lifecycle: { ephemeral: true } });
    for (const stopped of [kept.id, id]) {
      expect(await quick.ok(`POST /v1/sandboxes/${stopped}/stop`, {})).toMatchObject({ status: "stopped" });
    }
    // Those who stopped it read so.
    expect(await quick.ok("GET /v1/sandboxes/by-name/one")).toMatchObject({ status: "stopped" });
    const again = await quick.call(`POST /v1/sandboxes/${id}/start`, {});
    expect(again.status).toBe(409);
    await vi.waitFor(
      async () => expect((await quick.call("GET /v1/sandboxes/by-name/one")).status).toBe(404),
      { timeout: 10_000 },
    );
    expect([...quick.fastvm.worker.vms.keys()]).toEqual([kept.id]);
    // And one that failed.
    const broken = await quick.ok(START, { ...SPEC, lifecycle: { ephemeral: true } });
    quick.fastvm.worker.emit({ kind: "vm_failed", vmId: broken.id, reason: "its QEMU was ended" });
    await vi.waitFor(
      async () => expect((await quick.call("GET /v1/sandboxes/by-name/one")).status).toBe(404),
      { timeout: 10_000 },
    );
    expect(await quick.ok("GET /v1/sandboxes/by-name/kept")).toMatchObject({ status: "stopped" });
  });
});
