/** How sandboxes are made and listed, and the same VMs as the other APIs see them. */
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
const NOFILE = { resource: "nofile", soft: 1, hard: 1 };
const START = "POST /v1/sandboxes?start=true&wait_for=running&wait_timeout=90";
const make = (fields: object = {}) => api.ok(START, { ...SPEC, ...fields });
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
