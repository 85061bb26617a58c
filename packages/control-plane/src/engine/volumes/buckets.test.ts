/** Buckets of VMs: what a worker is told of them, what records keep, and what no answer shows. */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FastvmError, newOrgId, newVolumeId, type VmId } from "@fastvm/contract";
import { expect, onTestFinished, test } from "vitest";
import { SealingKeys } from "../../sealing/sealing-keys.ts";
import { testApp, type TestApp } from "../../testing/test-app.ts";
import { sealedSource, toldMount } from "./bucket-credentials.ts";

const SECRET = "open-sesame";
const TEXT = (secret: string) =>
  `[other]\naws_access_key_id=x\naws_secret_access_key=y\n[default]\naws_access_key_id = AKIA\n` +
  `aws_secret_access_key = ${secret}\nregion = eu-central-1\nendpoint_url = https://store.example\n`;
const credentials = (secret = SECRET) => ({ type: "aws-credentials", value: { data: TEXT(secret) } });
const bucket = (more: object = {}) => ({
  bucketUri: "s3://pictures",
  credentials: credentials(),
  mountPath: "/mnt/pictures",
  ...more,
});

async function opened(): Promise<TestApp> {
  const api = await testApp();
  onTestFinished(() => api[Symbol.asyncDispose]());
  return api;
}

const launched = async (api: TestApp, more: object = {}): Promise<{ readonly id: VmId }> =>
  (await api.call("POST /v1/vms", { machineType: "c1m2", bucketMounts: [bucket()], ...more })).body;

const told = (api: TestApp, id: VmId) =>
  (api.worker.volumes.mounted.get(id) ?? []).map(({ source }) => source);

test("a VM has what it was launched with, and nobody sees the credentials", async () => {
  const api = await opened();
  const vm = await launched(api);
  expect(vm).toMatchObject({
    bucketMounts: [
      { bucketUri: "s3://pictures", mountPath: "/mnt/pictures", mountStatus: "mounted", vmId: vm.id },
    ],
  });
  expect(vm).not.toHaveProperty("volumes");
  expect(told(api, vm.id)).toMatchObject([
    {
      kind: "bucket",
      uri: "s3://pictures",
      credentials: {
        kind: "aws",
        accessKeyId: "AKIA",
        secretAccessKey: SECRET,
        region: "eu-central-1",
        endpointUrl: "https://store.example",
      },
    },
  ]);
  const record = await api.store.vms.get(vm.id);
  const shown = [vm, (await api.call(`GET /v1/vms/${vm.id}/bucket-mounts`)).body, record];
  expect(JSON.stringify(shown)).not.toContain(SECRET);
  expect((await api.call(`GET /v1/vms/${vm.id}/volumes`)).body).toEqual([]);
});

test("what is no bucket, or no credentials of its store, is refused without a word of them", async () => {
  const api = await opened();
  for (const wrong of [
    { bucketUri: "http://pictures" },
    { bucketUri: "s3://pictures/prefix" },
    { bucketUri: "s3://a,b" },
    { bucketUri: "gs://pictures" },
    { credentials: { type: "aws-credentials", value: { data: `aws_secret_access_key = ${SECRET}` } } },
    {
      credentials: { type: "aws-credentials", value: { data: `${TEXT(SECRET)}endpoint_url = https://a,b` } },
    },
    { credentials: { type: "gcp-service-account-json", value: {} } },
    { mountPath: "/etc" },
  ]) {
    const answer = await api.call("POST /v1/vms", { machineType: "c1m2", bucketMounts: [bucket(wrong)] });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).not.toContain(SECRET);
  }
});

test("is attached, found by its id, and taken, again without a word", async () => {
  const api = await opened();
  const vm = await launched(api, { bucketMounts: [] });
  const { body, status } = await api.call(`POST /v1/vms/${vm.id}/bucket-mounts`, bucket({ readOnly: true }));
  expect([status, body]).toMatchObject([201, { readOnly: true, mountStatus: "mounted" }]);
  expect((await api.call(`GET /v1/vms/${vm.id}/bucket-mounts/${body.id}`)).body).toEqual(body);
  expect((await api.call(`GET /v1/vms/${vm.id}/bucket-mounts/none`)).status).toBe(404);
  expect(
    (await api.call(`PATCH /v1/vms/${vm.id}/bucket-mounts/none`, { credentials: credentials() })).status,
  ).toBe(404);
  for (const times of ["once", "again"]) {
    expect([times, (await api.call(`DELETE /v1/vms/${vm.id}/bucket-mounts/${body.id}`)).status]).toEqual([
      times,
      204,
    ]);
  }
  expect(told(api, vm.id)).toEqual([]);
});

test("other credentials are told and kept; such as are refused leave the former ones", async () => {
  const api = await opened();
  const vm = await launched(api);
  const [{ id }] = (await api.call(`GET /v1/vms/${vm.id}/bucket-mounts`)).body;
  const rotate = (secret: string) =>
    api.call(`PATCH /v1/vms/${vm.id}/bucket-mounts/${id}`, { credentials: credentials(secret) });
  expect((await rotate("second")).status).toBe(200);
  expect(told(api, vm.id)).toMatchObject([{ credentials: { secretAccessKey: "second" } }]);
  api.worker.failNext("volumes.attach", new FastvmError("conflict", "credentials_invalid: no"));
  const refused = await rotate("third");
  expect(refused).toMatchObject({ status: 502, body: { code: "bucket_rotation_failed" } });
  expect(JSON.stringify(refused.body)).not.toContain("third");
  expect(told(api, vm.id)).toMatchObject([{ credentials: { secretAccessKey: "second" } }]);
  await api.call(`POST /v1/vms/${vm.id}/pause`);
  await api.call(`POST /v1/vms/${vm.id}/resume`);
  expect(told(api, vm.id)).toMatchObject([{ credentials: { secretAccessKey: "second" } }]);
});

test("a snapshot has it, what is restored has it or what is given in its place, and a fork as its policy says", async () => {
  const api = await opened();
  const vm = await launched(api);
  const snapshot = (await api.call("POST /v1/snapshots", { vmId: vm.id })).body;
  expect(snapshot.bucketMounts).toEqual([
    { bucketUri: "s3://pictures", mountPath: "/mnt/pictures", readOnly: false },
  ]);
  const restored = (await api.call("POST /v1/vms", { snapshotId: snapshot.id })).body;
  expect(told(api, restored.id)).toMatchObject([{ credentials: { secretAccessKey: SECRET } }]);
  const without = (await api.call("POST /v1/vms", { snapshotId: snapshot.id, bucketMounts: [] })).body;
  expect(told(api, without.id)).toEqual([]);
  const { children } = (await api.call(`POST /v1/vms/${vm.id}/fork`, { volumes: "read-only" })).body;
  expect(children[0].vm.bucketMounts).toMatchObject([{ readOnly: true, mountStatus: "mounted" }]);
});

test("a bucket of a snapshot that cannot be mounted is told with its reason, one that was asked for with its words", async () => {
  const api = await opened();
  const vm = await launched(api);
  const [{ id }] = (await api.call(`GET /v1/vms/${vm.id}/bucket-mounts`)).body;
  const { id: snapshotId } = (await api.call("POST /v1/snapshots", { vmId: vm.id })).body;
  const about = { bucketUri: "s3://pictures", mountPath: "/mnt/pictures" };
  for (const reason of ["credentials_invalid", "bucket_unreachable", "credentials_unavailable"]) {
    const failure = new FastvmError("conflict", `${reason}: in words`).message;
    api.worker.volumes.unmountable.set(id, failure);
    const { status, body } = await api.call("POST /v1/vms", { snapshotId });
    expect(status).toBe(201);
    expect(body.attachmentWarnings).toEqual({ skippedSnapshotBucketMounts: [{ ...about, reason }] });
    expect(body.bucketMounts).toMatchObject([{ mountStatus: "failed", statusMessage: failure }]);
  }
  api.worker.volumes.unmountable.set(id, "the guest says nothing");
  const { attachmentWarnings } = (await api.call("POST /v1/vms", { snapshotId })).body;
  const failed = [{ ...about, statusMessage: "the guest says nothing" }];
  expect(attachmentWarnings).toEqual({ failedBucketMountAttachments: failed });
});

test("credentials are sealed for their bucket and organisation; where they cannot be opened none are told", async () => {
  const file = join(tmpdir(), `fastvm-sealing-${randomUUID()}`);
  onTestFinished(() => rm(file, { force: true }));
  const ctx = { sealing: new SealingKeys({ file, isMade: true }) };
  const orgId = newOrgId();
  const given = { kind: "aws", accessKeyId: "AKIA", secretAccessKey: SECRET } as const;
  const bare = { kind: "bucket", uri: "s3://pictures", createdAtMs: 1 } as const;
  const source = await sealedSource(ctx, orgId, bare, given);
  expect(JSON.stringify(source)).not.toContain(SECRET);
  const open = async (other: object, owner = orgId) => {
    const mount = {
      volumeId: newVolumeId(),
      mountPath: "/mnt/a",
      readOnly: false,
      source: { ...source, ...other },
    };
    const mounted = await toldMount(ctx, { orgId: owner }, mount);
    return mounted.source?.kind === "bucket" ? mounted.source.credentials : undefined;
  };
  expect(await open({})).toEqual(given);
  expect(await open({ uri: "s3://others" })).toBeUndefined();
  expect(await open({}, newOrgId())).toBeUndefined();
});
