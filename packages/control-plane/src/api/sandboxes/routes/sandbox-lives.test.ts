/** One sandbox from its creation to its end, by whomever. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { VmId } from "@fastvm/contract";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;

/** On a machine that is busy with others. */
beforeEach(async () => {
  api = await sandboxesApp();
}, 60_000);
afterEach(() => api[Symbol.asyncDispose]());

const SPEC = { name: "one", image: { type: "oci", reference: "base" } };
const START = "POST /v1/sandboxes?start=true&wait_for=running&wait_timeout=90";
const make = (fields: object = {}) => api.ok(START, { ...SPEC, ...fields });

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
