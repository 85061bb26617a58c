/** The volumes and folders that sandboxes have mounted. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { VmId } from "@fastvm/contract";
import { sandboxesApp, type SandboxesApp } from "../../../testing/sandboxes-app.ts";

let api: SandboxesApp;

/** On a machine that is busy with others. */
beforeEach(async () => {
  api = await sandboxesApp();
}, 60_000);
afterEach(() => api[Symbol.asyncDispose]());

const SPEC = { name: "one", image: { type: "oci", reference: "base" } };
const NAMED = { type: "named", name: "data", guest: "/mnt/data" };
const CREATE = { name: "data", kind: "directory", labels: [] };
const creating = (fields: object) => ({
  mounts: [{ ...NAMED, create: { ...CREATE, mode: "ensure_exists", ...fields } }],
});
const START = "POST /v1/sandboxes?start=true&wait_for=running&wait_timeout=90";
const make = (fields: object = {}) => api.ok(START, { ...SPEC, ...fields });
const specOfVm = (id: string) => api.fastvm.worker.vms.get(id as VmId)?.spec;

describe("a sandbox", () => {
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
});
