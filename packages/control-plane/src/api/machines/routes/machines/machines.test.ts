/** Machines from their creation to their end, and the same VMs as the other API sees them. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { FakeImages } from "../../../../testing/fake-images.ts";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";

let api: MachinesApp;
let images: FakeImages;

beforeEach(async () => {
  images = FakeImages.of("code-interpreter", "desktop", "python:3.13-slim", "python:3.13");
  api = await machinesApp({ images });
});
afterEach(() => api[Symbol.asyncDispose]());

const create = (body: object = {}) => api.ok("POST /v1/machines", body);
const INVALID = { status: 400, body: { code: "invalid_request" } };

describe("POST /v1/machines", () => {
  test("makes a machine of the base template, small and for five minutes", async () => {
    const machine = await create();
    expect(machine).toMatchObject({
      id: expect.stringMatching(/^mch_[0-9a-f]{32}$/),
      status: "running",
      config: { vcpus: 1, memory_mb: 256, disk_mb: 10_240 },
      template: "base",
      metadata: {},
      timeout_ms: 300_000,
      timeout_action: "destroy",
      cwd: "/workspace",
      snapshot_id: null,
      auto_resume: false,
      ephemeral: false,
    });
    expect(machine.timeout_at).toBe(machine.expires_at);
    expect(Date.parse(machine.timeout_at) - Date.parse(machine.started_at)).toBe(300_000);
    expect(machine.remaining_ms).toBeLessThanOrEqual(300_000);
  });

  test("gives it what is asked for", async () => {
    const asked = { vcpus: 2, memory_mb: 3072, disk_mb: 20_000, timeout_ms: 90_500, metadata: { team: "a" } };
    const { id, ...machine } = await create({ ...asked, envs: { A: "1" }, cwd: "/srv/../srv/app/" });
    expect(machine).toMatchObject({
      config: { vcpus: 2, memory_mb: 3072, disk_mb: 20_480 },
      timeout_ms: 91_000,
      metadata: { team: "a" },
      cwd: "/srv/app",
    });
    const spec = api.fastvm.worker.vms.get(vmIdOf(id))?.spec;
    expect(spec).toMatchObject({
      machine: { cpu: 2, memoryMib: 3072 },
      diskGib: 20,
      source: { kind: "template" },
    });
    expect(spec?.identity.envVars).toEqual({ A: "1" });
  });

  test.each([
    ["code-interpreter", 2048],
    ["desktop", 2048],
    ["python:3.13-slim", 256],
  ])("of the template %s has %i MiB unless another size is asked for", async (template, memory) => {
    expect((await create({ template })).config.memory_mb).toBe(memory);
    const machine = await create({ template, memory_mb: 512 });
    expect(machine).toMatchObject({ template, config: { memory_mb: 512 } });
    expect(api.fastvm.worker.vms.get(vmIdOf(machine.id))?.spec?.source).toMatchObject({
      kind: "template",
      image: template,
      imageOwner: api.fastvm.orgId,
    });
  });

  test("of a template that the host has not is refused, and nothing is left", async () => {
    const answer = await api.call("POST /v1/machines", { template: "none:1" }, { once: "k" });
    expect(answer).toMatchObject({ status: 404, body: { code: "template_not_found", field: "template" } });
    expect(await api.ok("GET /v1/machines")).toEqual([]);
    expect(api.fastvm.worker.calls.filter(({ method }) => method === "launch")).toEqual([]);
    images.keep("none:1", "everybody");
    expect(await api.call("POST /v1/machines", { template: "none:1" }, { once: "k" })).toMatchObject({
      status: 201,
    });
  });

  test("makes the work tree, and no folder that its creator names", async () => {
    await create();
    await create({ cwd: "/srv" });
    expect(api.fastvm.worker.calls.filter(({ method }) => method === "makeFolder")).toHaveLength(1);
  });

  test.each([
    [{ auto_resume: true }, "auto_resume"],
    [{ auto_resume: true, timeout_action: "destroy" }, "auto_resume"],
    [{ ephemeral: true, timeout_action: "hibernate" }, "ephemeral"],
    [{ timeout_action: "pause" }, "timeout_action"],
    [{ inactivity_timeout_ms: 0 }, "inactivity_timeout_ms"],
    [{ auto_delete_after_ms: 0 }, "auto_delete_after_ms"],
    [{ disk_mb: 511 }, "disk_mb"],
    [{ disk_mb: 131_073 }, "disk_mb"],
    [{ vcpus: 0 }, "vcpus"],
    [{ cwd: "srv" }, "cwd"],
    [{ cwd: "/workspace/x/../.nullspace/y" }, "cwd"],
    [{ envs: { "not a name": "" } }, "envs"],
    [{ metadata: { n: 1 } }, "metadata.n"],
  ])("%j is refused for its %s", async (body, field) => {
    expect(await api.call("POST /v1/machines", body)).toMatchObject({ ...INVALID, body: { field } });
    expect(await api.ok("GET /v1/machines")).toEqual([]);
  });

  test("from a snapshot takes size, template, environment and files of it, and has a lease of its own", async () => {
    const asked = { vcpus: 2, memory_mb: 512, template: "python:3.13", envs: { A: "1" }, cwd: "/srv" };
    const idle = {
      timeout_action: "hibernate",
      auto_resume: true,
      inactivity_timeout_ms: 5000,
      auto_delete_after_ms: 9000,
    };
    const source = await create({ ...asked, ...idle });
    const snapshot = await api.ok(`POST /v1/machines/${source.id}/snapshots`);
    const first = await create({ snapshot_id: snapshot.id });
    const second = await create({ snapshot_id: snapshot.id, timeout_ms: 1000 });
    expect(first.id).not.toBe(second.id);
    expect(first).toMatchObject({
      config: source.config,
      template: "python:3.13",
      cwd: "/srv",
      timeout_ms: 300_000,
      timeout_action: "destroy",
      auto_resume: false,
      inactivity_timeout_ms: null,
      auto_delete_after_ms: null,
    });
    expect(api.fastvm.worker.vms.get(vmIdOf(first.id))?.spec?.identity.envVars).toEqual({ A: "1" });
    expect(second.timeout_ms).toBe(1000);
    for (const [name, value] of Object.entries({
      template: "base",
      vcpus: 1,
      memory_mb: 256,
      disk_mb: 10_240,
    })) {
      const answer = await api.call("POST /v1/machines", { snapshot_id: snapshot.id, [name]: value });
      expect(answer).toMatchObject({ ...INVALID, body: { field: name } });
    }
  });

  test.each([
    "snap_0123456789abcdef0123456789abcdef",
    "the-snapshot",
    "",
    "snap_0123456789abcdef0123456789abcdef_p1",
  ])("from the snapshot %j, which is none, is refused", async (id) => {
    const answer = await api.call("POST /v1/machines", { snapshot_id: id });
    expect(answer).toMatchObject({ status: 404, body: { code: "snapshot_not_found" } });
  });

  test("on a full host is answered with a machine that is being made", async () => {
    api.fastvm.worker.memoryMib = 300;
    const first = await create();
    const second = await create();
    expect(second).toMatchObject({
      status: "creating",
      started_at: null,
      timeout_at: null,
      remaining_ms: 300_000,
    });
    await api.ok(`DELETE /v1/machines/${first.id}`);
    await expect.poll(async () => (await api.ok(`GET /v1/machines/${second.id}`)).status).toBe("running");
  });
});

describe("DELETE /v1/machines/{machineId}", () => {
  test("ends a machine, its ids and its VM, and leaves snapshots", async () => {
    const { id } = await create();
    const snapshot = await api.ok(`POST /v1/machines/${id}/snapshots`);
    expect(await api.ok(`DELETE /v1/machines/${id}`)).toEqual({ id, status: "destroyed" });
    expect(await api.call(`GET /v1/machines/${id}`)).toMatchObject({
      status: 404,
      body: { code: "machine_not_found" },
    });
    expect(await api.call(`DELETE /v1/machines/${id}`)).toMatchObject({ status: 404 });
    expect(api.fastvm.worker.vms.size).toBe(0);
    expect(await api.ok(`GET /v1/snapshots/${snapshot.id}`)).toEqual(snapshot);
  });
});

describe("a machine and a VM", () => {
  test("are the same: what one API makes, the other shows and ends", async () => {
    const machine = await create({ metadata: { team: "a" }, timeout_action: "hibernate" });
    const [vm] = (await api.fastvm.call("GET /v1/vms")).body;
    expect(vm).toMatchObject({
      id: vmIdOf(machine.id),
      status: "running",
      metadata: { team: "a" },
      ttl: { action: "pause", seconds: 300 },
    });
    const launched = (await api.fastvm.call("POST /v1/vms", { machineType: "c1m2", name: "mine" })).body;
    const id = `mch_${launched.id.replaceAll("-", "")}`;
    expect(await api.ok(`GET /v1/machines/${id}`)).toMatchObject({
      id,
      status: "running",
      config: { vcpus: 1, memory_mb: 2048 },
      timeout_ms: null,
      timeout_action: null,
      cwd: "/workspace",
    });
    await api.fastvm.call(`POST /v1/vms/${launched.id}/pause`);
    expect(await api.ok(`GET /v1/machines/${id}`)).toMatchObject({
      status: "paused",
      snapshot_id: expect.any(String),
    });
    await api.ok(`DELETE /v1/machines/${id}`);
    await api.fastvm.call(`DELETE /v1/vms/${vm.id}`);
    expect(await api.ok("GET /v1/machines")).toEqual([]);
    expect((await api.fastvm.call("GET /v1/vms")).body).toEqual([]);
  });

  test("are not: a machine has no other reference than its ids", async () => {
    const { id: vmId } = (await api.fastvm.call("POST /v1/vms", { machineType: "c1m2", name: "mine" })).body;
    const hex = vmId.replaceAll("-", "");
    for (const other of [
      vmId,
      "mine",
      hex,
      `mch_${hex.slice(0, 8)}`,
      `mch_${hex}_2`,
      `mch_${vmId}`,
      `mch_${hex}_0`,
    ]) {
      expect(await api.call(`GET /v1/machines/${other}`), other).toMatchObject({ status: 404 });
    }
  });
});

function vmIdOf(machineId: string): VmId {
  return machineId
    .replace(/^mch_(.{32}).*$/, "$1")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") as VmId;
}
