/** Volumes by the API of machines, over the fake worker: states, rules of places, and what goes on over pauses and forks. */
import { FastvmError, type VmId, type VolumeId } from "@fastvm/contract";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { machinesApp, type MachinesApp } from "../../../../testing/machines-app.ts";

let api: MachinesApp;

beforeEach(async () => {
  api = await machinesApp();
});
afterEach(() => api[Symbol.asyncDispose]());

function uuidOf(id: string): string {
  return id.replace(/^\w+?_(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
}

async function volume(name = "data"): Promise<string> {
  return (await api.ok("POST /v1/volumes", { name })).id;
}

async function attachments(machine: string) {
  return (await api.ok(`GET /v1/machines/${machine}/volumes`)).attachments;
}

test("a volume is made, found by id and exact name, listed by a mask and deleted", async () => {
  const made = await api.ok("POST /v1/volumes", { name: "data", max_size_bytes: 2 ** 30 + 1 });
  expect(made).toMatchObject({
    id: expect.stringMatching(/^vol_[0-9a-f]{32}$/),
    status: "ready",
    mount_count: 0,
  });
  expect(made.max_size_bytes).toBe(2 * 2 ** 30);
  expect(await api.ok("GET /v1/volumes/data")).toEqual(made);
  expect(await api.ok(`GET /v1/volumes/${made.id}?fields=id,name`)).toEqual({ id: made.id, name: "data" });
  expect(await api.ok("GET /v1/volumes?fields=name")).toEqual({ volumes: [{ name: "data" }] });
  expect((await api.call("GET /v1/volumes?fields=size")).body.code).toBe("invalid_fields");
  expect((await api.call(`GET /v1/volumes/${uuidOf(made.id).slice(0, 8)}`)).body.code).toBe(
    "volume_not_found",
  );
  expect((await api.call("POST /v1/volumes", { name: "data" })).body.code).toBe("conflict");
  expect(await api.ok(`DELETE /v1/volumes/data`)).toEqual({ id: made.id, deleted: true });
  expect(await api.ok("GET /v1/volumes")).toEqual({ volumes: [] });
});

test("the same order under one key makes one volume, and mounts it once, also of many at once", async () => {
  const once = { once: "tonight" };
  const order = { name: "data", max_size_bytes: 2 ** 30 };
  const made = await Promise.all(Array.from({ length: 20 }, () => api.ok("POST /v1/volumes", order, once)));
  expect(new Set(made.map((each) => JSON.stringify(each))).size).toBe(1);
  expect((await api.ok("GET /v1/volumes")).volumes).toHaveLength(1);
  const other = await api.call("POST /v1/volumes", { name: "other" }, once);
  expect(other).toMatchObject({ status: 409, body: { code: "conflict", field: "Idempotency-Key" } });
  const { id } = await api.ok("POST /v1/machines", {});
  const route = `POST /v1/machines/${id}/volumes`;
  const mount = { ref: "data", mount_path: "/mnt/data" };
  const first = await api.ok(route, mount, { once: "mount" });
  expect(await api.ok(route, mount, { once: "mount" })).toEqual(first);
  expect(await attachments(id)).toHaveLength(1);
  // What another order has mounted is none of this one's.
  const busy = { status: 409, body: { code: "volume_busy" } };
  for (let n = 0; n < 2; n++) expect(await api.call(route, mount, { once: "late" })).toMatchObject(busy);
});

test("a volume that fails to be made is made by the same order again", async () => {
  api.fastvm.worker.failNext("volumes.create", new FastvmError("out_of_disk"));
  const order = { name: "data" };
  expect((await api.call("POST /v1/volumes", order, { once: "k" })).status).toBeGreaterThanOrEqual(500);
  expect(await api.ok("POST /v1/volumes", order, { once: "k" })).toMatchObject({ status: "ready" });
});

test("FastVM's key at the same path is answered by FastVM", async () => {
  const id = await volume();
  expect((await api.fastvm.call("GET /v1/volumes")).body).toMatchObject([{ id: uuidOf(id), sizeGiB: 1 }]);
});

test("files of a volume need no machine", async () => {
  const id = await volume();
  await api.ok(`POST /v1/volumes/${id}/files/mkdir`, { path: "/a" });
  await api.ok(`PUT /v1/volumes/${id}/files/content?path=/a/one`, undefined, { payload: "text" });
  await api.ok(`POST /v1/volumes/${id}/files/rename`, { path: "/a/one", new_path: "/a/two" });
  expect((await api.call(`GET /v1/volumes/${id}/files/content?path=/a/two`)).text).toBe("text");
  const permissions = `POST /v1/volumes/${id}/files/permissions`;
  expect(await api.ok(permissions, { path: "/a/two", mode: "0640" })).toMatchObject({ mode: "0640" });
  expect(await api.ok(`GET /v1/volumes/${id}/files/info?path=/a/two`)).toMatchObject({ mode: "0640" });
  expect((await api.call(permissions, { path: "/a/none", mode: "640" })).body.code).toBe("file_not_found");
  expect((await api.call(permissions, { path: "/a/two", mode: "9" })).status).toBe(400);
  expect((await api.ok(`GET /v1/volumes/${id}/files?path=/a`)).entries).toMatchObject([
    { path: "/a/two", size: 4 },
  ]);
  expect(await api.ok(`DELETE /v1/volumes/${id}/files?path=/a/two`)).toEqual({
    path: "/a/two",
    removed: true,
  });
  expect((await api.call(`GET /v1/volumes/${id}/files/info?path=/a/two`)).body.code).toBe("file_not_found");
});

describe("a machine", () => {
  test("is made with volumes, and shows them in the order of the request", async () => {
    const [one, two] = [await volume("one"), await volume("two")];
    const { id, metadata } = await api.ok("POST /v1/machines", {
      metadata: { of: "us" },
      volumes: [
        { ref: two, mount_path: "/workspace/two", subpath: "a/b/", read_only: true },
        { ref: "one", mount_path: "/mnt/one" },
      ],
    });
    expect(metadata).toMatchObject({
      of: "us",
      volume_attachments: [
        { volume_id: two, mount_path: "/workspace/two", subpath: "a/b", read_only: true, status: "mounted" },
        { volume_id: one, mount_path: "/mnt/one", subpath: null, read_only: false, machine_id: id },
      ],
    });
    expect(await attachments(id)).toEqual(metadata.volume_attachments);
    const [mounted] = api.fastvm.worker.volumes.mounted.get(uuidOf(id) as VmId) ?? [];
    expect(mounted).toMatchObject({ subpath: "a/b", readOnly: true });
    expect((await api.ok(`GET /v1/volumes/one/attachments`)).attachments).toMatchObject([{ machine_id: id }]);
    expect((await api.ok("GET /v1/volumes/one")).mount_count).toBe(1);
    expect(await api.call("DELETE /v1/volumes/one")).toMatchObject({
      status: 409,
      body: { code: "volume_busy" },
    });
  });

  test("is given one, asked how it is, and it is taken away", async () => {
    const ref = await volume();
    const { id } = await api.ok("POST /v1/machines", {});
    const attached = await api.ok(`POST /v1/machines/${id}/volumes`, { ref, mount_path: "/workspace/data" });
    expect(attached).toMatchObject({ status: "mounted", last_error_message: null });
    expect(await api.ok(`GET /v1/machines/${id}/volumes/${attached.id}`)).toEqual(attached);
    expect(await api.ok(`GET /v1/machines/${id}/volumes/${attached.id}/health`)).toMatchObject({
      healthy: true,
      status: "mounted",
    });
    api.fastvm.worker.volumes.busy.add(uuidOf(ref) as VolumeId);
    const busy = await api.call(`DELETE /v1/machines/${id}/volumes/${attached.id}`);
    expect(busy.body.code).toBe("volume_busy");
    const forced = await api.ok(`DELETE /v1/machines/${id}/volumes/${attached.id}?force=true`);
    expect(forced).toEqual({ id: attached.id, status: "released", warnings: ["files were open"] });
    expect(await attachments(id)).toEqual([]);
    expect((await api.call(`GET /v1/machines/${id}/volumes/${attached.id}`)).body.code).toBe(
      "volume_attachment_not_found",
    );
  });

  test("shows what its host is being told of its volumes", async () => {
    const ref = await volume();
    const { worker } = api.fastvm;
    const started = worker.hold("launch");
    const creating = api.ok("POST /v1/machines", { volumes: [{ ref, mount_path: "/mnt/first" }] });
    const states = async () => {
      const { attachments: all } = await api.ok(`GET /v1/volumes/${ref}/attachments`);
      return all.map(({ status }: { readonly status: string }) => status);
    };
    await expect.poll(states).toEqual(["mounting"]);
    started();
    const { id } = await creating;
    const other = await volume("other");
    const seen = async () => {
      const found = await attachments(id);
      expect((await api.ok(`GET /v1/volumes/other/attachments`)).attachments).toEqual(found.slice(1));
      for (const each of found) {
        const at = `GET /v1/machines/${id}/volumes/${each.id}`;
        expect((await api.ok(at)).status).toBe(each.status);
        expect((await api.ok(`${at}/health`)).healthy).toBe(each.status === "mounted");
      }
      return found.map(({ status }: { readonly status: string }) => status);
    };
    expect(await seen()).toEqual(["mounted"]);
    const mounted = worker.hold("volumes.attach");
    const attaching = api.ok(`POST /v1/machines/${id}/volumes`, { ref: other, mount_path: "/mnt/other" });
    await expect.poll(seen).toEqual(["mounted", "mounting"]);
    mounted();
    const { id: attachment } = await attaching;
    expect(await seen()).toEqual(["mounted", "mounted"]);
    const at = `/v1/machines/${id}/volumes/${attachment}`;
    const detached = worker.hold("volumes.detach");
    const remounting = api.ok(`POST ${at}/remount`);
    await expect.poll(seen).toEqual(["mounted", "remounting"]);
    detached();
    await remounting;
    const released = worker.hold("volumes.detach");
    const detaching = api.ok(`DELETE ${at}`);
    await expect.poll(seen).toEqual(["mounted", "releasing"]);
    released();
    await detaching;
    expect(await seen()).toEqual(["mounted"]);
    // What fails is under way no more.
    worker.failNext("volumes.attach", new FastvmError("conflict", "no"));
    const again = { ref: other, mount_path: "/mnt/other" };
    expect((await api.call(`POST /v1/machines/${id}/volumes`, again)).status).toBe(409);
    expect(await seen()).toEqual(["mounted"]);
  });

  test("that does not get its volume runs, says why, and mounts it anew", async () => {
    const ref = await volume();
    const { unmountable } = api.fastvm.worker.volumes;
    unmountable.set(uuidOf(ref) as VolumeId, "the volume has no folder x");
    const body = { volumes: [{ ref, mount_path: "/mnt/data", subpath: "x" }] };
    const { id, status } = await api.ok("POST /v1/machines", body);
    expect(status).toBe("running");
    const [{ id: attachment, ...failed }] = await attachments(id);
    const why = {
      status: "failed",
      last_error_code: "volume_mount_failed",
      last_error_message: expect.stringContaining("no folder x"),
    };
    expect(failed).toMatchObject(why);
    const at = `/v1/machines/${id}/volumes/${attachment}`;
    expect(await api.ok(`GET ${at}/health`)).toMatchObject({ healthy: false, ...why });
    expect(await api.ok(`POST ${at}/remount`)).toMatchObject(why);
    unmountable.clear();
    expect(await api.ok(`POST ${at}/remount`)).toMatchObject({ status: "mounted", last_error_code: null });
    expect(await api.ok(`GET ${at}/health`)).toMatchObject({ healthy: true });
    expect(api.fastvm.worker.volumes.mounted.get(uuidOf(id) as VmId)).toHaveLength(1);
    // Also one that is mounted is truly taken and mounted anew.
    unmountable.set(uuidOf(ref) as VolumeId, "the volume has no folder x");
    expect(await api.ok(`POST ${at}/remount`)).toMatchObject(why);
  });

  test("keeps them over a pause and passes them on to a fork, mounted before it counts as running", async () => {
    const ref = await volume();
    const { id } = await api.ok("POST /v1/machines", {
      volumes: [{ ref, mount_path: "/mnt/data", subpath: "x" }],
    });
    const child = await api.ok(`POST /v1/machines/${id}/fork`);
    expect(child.metadata.volume_attachments).toMatchObject([
      { status: "mounted", machine_id: child.id, subpath: "x" },
    ]);
    const [{ id: attachment }] = await attachments(id);
    expect(child.metadata.volume_attachments[0].id).not.toBe(attachment);
    await api.ok(`POST /v1/machines/${id}/hibernate`);
    expect(await attachments(id)).toMatchObject([{ status: "paused", volume_id: ref }]);
    expect(await api.call(`POST /v1/machines/${id}/volumes/${attachment}/remount`)).toMatchObject({
      status: 409,
      body: { code: "machine_not_ready" },
    });
    const resumed = await api.ok(`POST /v1/machines/${id}/resume`);
    expect(resumed.metadata.volume_attachments).toMatchObject([
      { status: "mounted", machine_id: resumed.id },
    ]);
    expect(api.fastvm.worker.volumes.mounted.get(uuidOf(id) as VmId)).toMatchObject([{ subpath: "x" }]);
  });

  test("has at most eight", async () => {
    const mounts = [];
    for (let n = 0; n < 9; n += 1) mounts.push({ ref: await volume(`v${n}`), mount_path: `/mnt/v${n}` });
    expect((await api.call("POST /v1/machines", { volumes: mounts })).status).toBe(400);
    const { id } = await api.ok("POST /v1/machines", { volumes: mounts.slice(0, 8) });
    const ninth = await api.call(`POST /v1/machines/${id}/volumes`, mounts[8]);
    expect(ninth).toMatchObject({ status: 409, body: { code: "volume_limit_exceeded" } });
  });

  test.each([
    ["/", "volume_invalid_mount_path"],
    ["data", "volume_invalid_mount_path"],
    ["/usr/lib/x", "volume_invalid_mount_path"],
    ["/mnt/../proc", "volume_invalid_mount_path"],
    ["/workspace/.nullspace/x", "volume_invalid_mount_path"],
    ["/mnt/a/b", "volume_overlapping_mounts"],
  ])("has none at %s: %s", async (mount_path, code) => {
    const { id } = await api.ok("POST /v1/machines", {
      volumes: [{ ref: await volume("a"), mount_path: "/mnt/a" }],
    });
    const refused = await api.call(`POST /v1/machines/${id}/volumes`, { ref: await volume("b"), mount_path });
    expect(refused).toMatchObject({ status: 400, body: { code, field: "mount_path" } });
  });

  test.each(["..", "a/../../b", "/../x", "a\0"])("has no part of a volume named %j", async (subpath) => {
    const volumes = [{ ref: await volume(), mount_path: "/mnt/a", subpath }];
    const refused = await api.call("POST /v1/machines", { volumes });
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid_request", field: "subpath" } });
  });

  test("cannot call something of its metadata what its volumes are called", async () => {
    const refused = await api.call("POST /v1/machines", { metadata: { volume_attachments: "x" } });
    expect(refused).toMatchObject({ status: 400, body: { field: "metadata" } });
  });
});
