/**
 * What a VM has goes on to its snapshots, to what is restored from them and to its forks: all of it, also a field that is added tomorrow.
 */
import { newVolumeId, type SnapshotId, type VmId } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SETTINGS, type VmSettings } from "../../store/vm-settings.ts";
import { testApp, type TestApp } from "../../testing/test-app.ts";
import { inherit } from "./inherit.ts";

const VOLUME = newVolumeId();

/** Nothing as it is by itself, so that what is left behind is seen. The type asks for a value of each new field. */
const WRITTEN: VmSettings = {
  machineName: "c2m3",
  cpu: 2,
  memoryMib: 3072,
  diskGib: 17,
  metadata: { team: "a" },
  envVars: { A: "1" },
  network: {
    policy: { ingress: { default: "allow", rules: [] }, egress: { default: "deny", rules: [] } },
    presentation: { api: "another", value: [1] },
  },
  services: [{ name: "web", port: 8080, h2c: true }],
  sshKeys: [{ publicKey: "ssh-ed25519 A", fingerprint: "SHA256:a", createdAt: 1, name: "key" }],
  autoResume: true,
  inactivityMs: 60_000,
  inactivityAction: "stop",
  guestWorkCounts: true,
  maxLifeMs: 7_200_000,
  maxLifeAction: "delete",
  autoDeleteMs: 3_600_000,
  ephemeral: true,
  cwd: "/srv",
  template: "docker.io/library/python:3.13-slim",
  templateRef: "app:v2",
  volumes: [{ volumeId: VOLUME, mountPath: "/mnt/data", readOnly: true }],
  privateTraffic: true,
  durability: "strict",
  restartPolicy: "always",
  maskHost: "localhost:${PORT}",
  interception: {
    tls: {
      ports: [443],
      bypass: ["*.example.test"],
      verifyUpstream: true,
      blockQuic: true,
      upstreamAuthorities: [],
      scopedAuthorities: [],
      scopedVerification: [],
      cache: { capacity: 10, validityHours: 1 },
    },
    secrets: [],
  },
};

let api: TestApp;

beforeEach(async () => {
  api = await testApp();
});

afterEach(() => api[Symbol.asyncDispose]());

const settingsOfVm = async (id: VmId) => inherit((await api.store.vms.get(id)) ?? fail(id));
const fail = (id: string) => {
  throw new Error(`${id} is gone`);
};

test("every setting goes on to a snapshot, to what is restored from it, and to a fork", async () => {
  const machine = { machineType: WRITTEN.machineName, diskGiB: WRITTEN.diskGib };
  const { id } = (await api.call("POST /v1/vms", machine)).body;
  const { machineName: _, cpu: _cpu, memoryMib: _memory, diskGib: _disk, ...changeable } = WRITTEN;
  await api.store.volumes.create({
    id: VOLUME,
    orgId: api.orgId,
    name: "data",
    kind: "directory",
    sizeGib: 1,
    pendingSizeGib: null,
    accessMode: "rw",
    labels: {},
    status: "ready",
    statusReason: null,
    createdAt: 0,
  });
  await api.worker.volumes.create({ volumeId: VOLUME, kind: "directory", sizeGib: 1 });
  await api.store.vms.update(id, changeable);
  expect(await settingsOfVm(id)).toEqual(WRITTEN);
  const snapshotId: SnapshotId = (await api.call("POST /v1/snapshots", { vmId: id })).body.id;
  const snapshot = (await api.store.snapshots.get(snapshotId)) ?? fail(snapshotId);
  expect(inherit(snapshot)).toEqual(WRITTEN);
  const restored = (await api.call("POST /v1/vms", { snapshotId })).body.id;
  expect(await settingsOfVm(restored)).toEqual(WRITTEN);
  const forked = (await api.call(`POST /v1/vms/${id}/fork`)).body.children[0].vm.id;
  expect(await settingsOfVm(forked)).toEqual(WRITTEN);
});

test("a change replaces one field, whatever it holds; what is left out or undefined stays", () => {
  const changes = { autoResume: false, metadata: {}, network: undefined };
  expect(inherit(WRITTEN, changes)).toEqual({ ...WRITTEN, autoResume: false, metadata: {} });
  expect(Object.keys(inherit(WRITTEN)).toSorted()).toEqual([...SETTINGS].toSorted());
});
