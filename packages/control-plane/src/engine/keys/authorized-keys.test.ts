/** SSH keys reach the guest: at once when it runs, with its next start when it does not. */
import { FastvmError, type VmId } from "@fastvm/contract";
import { expect, test } from "vitest";
import { eventually } from "../../testing/eventually.ts";
import { OTHER_KEY, testApp, type TestApp } from "../../testing/test-app.ts";

const OWN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const SHARED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/";

async function launch(api: TestApp, body: object = { machineType: "c1m2" }): Promise<VmId> {
  return (await api.call("POST /v1/vms", body)).body.id;
}

function inGuest(api: TestApp, id: VmId): readonly string[] | undefined {
  return api.worker.vms.get(id)?.authorizedKeys;
}

test("a VM's own key is installed and removed at once", async () => {
  await using api = await testApp();
  const id = await launch(api);
  const { body: key } = await api.call(`POST /v1/vms/${id}/ssh-keys`, { publicKey: `${OWN} me@home` });
  expect(inGuest(api, id)).toEqual([OWN]);
  await api.call(`DELETE /v1/vms/${id}/ssh-keys/${encodeURIComponent(key.fingerprint)}`);
  expect(inGuest(api, id)).toEqual([]);
});

test("an organisation's key opens all its VMs and nobody else's", async () => {
  await using api = await testApp();
  const id = await launch(api);
  const stranger = (await api.call("POST /v1/vms", { machineType: "c1m2" }, { key: OTHER_KEY })).body.id;
  const { body: key } = await api.call("POST /v1/me/ssh-keys", { publicKey: SHARED });
  expect(inGuest(api, id)).toEqual([SHARED]);
  expect(inGuest(api, await launch(api))).toEqual([SHARED]);
  expect(inGuest(api, stranger)).toEqual([]);
  await api.call(`DELETE /v1/me/ssh-keys/${encodeURIComponent(key.fingerprint)}`);
  expect(inGuest(api, id)).toEqual([]);
});

test("a key that is given twice lies there once", async () => {
  await using api = await testApp();
  const id = await launch(api);
  await api.call(`POST /v1/vms/${id}/ssh-keys`, { publicKey: OWN });
  await api.call("POST /v1/me/ssh-keys", { publicKey: OWN });
  expect(inGuest(api, id)).toEqual([OWN]);
});

test("what changes while a VM is paused is there when it runs again", async () => {
  await using api = await testApp();
  const id = await launch(api);
  await api.call(`POST /v1/vms/${id}/pause`);
  await api.call(`POST /v1/vms/${id}/ssh-keys`, { publicKey: OWN });
  await api.call("POST /v1/me/ssh-keys", { publicKey: SHARED });
  expect(inGuest(api, id)).toEqual([]);
  await api.call(`POST /v1/vms/${id}/resume`);
  expect(inGuest(api, id)).toEqual([OWN, SHARED]);
});

test("what changes while a VM is started is there soon after", async () => {
  await using api = await testApp({ config: { launchAnswerMs: 20 } });
  const release = api.worker.hold("launch");
  const id = await launch(api);
  await api.call(`POST /v1/vms/${id}/ssh-keys`, { publicKey: OWN });
  release();
  await eventually(() => expect(inGuest(api, id)).toEqual([OWN]));
});

test("forks and what is restored from a snapshot have the keys of their source", async () => {
  await using api = await testApp();
  const id = await launch(api);
  await api.call(`POST /v1/vms/${id}/ssh-keys`, { publicKey: OWN });
  const child = (await api.call(`POST /v1/vms/${id}/fork`)).body.children[0].vm;
  expect(inGuest(api, child.id)).toEqual([OWN]);
  const snapshot = (await api.call("POST /v1/snapshots", { vmId: id })).body;
  const restored = await launch(api, { snapshotId: snapshot.id });
  expect(inGuest(api, restored)).toEqual([OWN]);
  const { keys } = (await api.call(`GET /v1/vms/${restored}/ssh-keys`)).body;
  expect(keys).toHaveLength(1);
});

test("a guest that does not take a key leaves the record as it was", async () => {
  await using api = await testApp();
  const id = await launch(api);
  api.worker.failNext("setAuthorizedKeys", new FastvmError("transfer_failed", "No space left on device"));
  expect((await api.call(`POST /v1/vms/${id}/ssh-keys`, { publicKey: OWN })).status).toBe(422);
  expect((await api.call(`GET /v1/vms/${id}/ssh-keys`)).body.keys).toEqual([]);
  expect((await api.call(`POST /v1/vms/${id}/ssh-keys`, { publicKey: OWN })).status).toBe(201);
});

test("one guest that does not answer does not keep an organisation's key from the others", async () => {
  await using api = await testApp();
  const ids = [await launch(api), await launch(api)];
  api.worker.failNext("setAuthorizedKeys", new FastvmError("guest_unresponsive"));
  expect((await api.call("POST /v1/me/ssh-keys", { publicKey: SHARED })).status).toBe(201);
  const reached = ids.filter((id) => inGuest(api, id)?.length === 1);
  expect(reached).toHaveLength(1);
});
