/** Images by the API: whose login a pull uses, how it is waited for, and that organisations do not see each other's. */
import { FastvmError } from "@fastvm/contract";
import { expect, test } from "vitest";
import { FakeImages } from "../../../testing/fake-images.ts";
import { OTHER_KEY, testApp } from "../../../testing/test-app.ts";

const REFERENCE = "registry.example/team/app:v1";
const LOGIN = { username: "ci", password: "a token" };
const OTHERS = { key: OTHER_KEY };
const encoded = encodeURIComponent(REFERENCE);

test("a pull uses the login of its own organisation for that registry, or the one that is given", async () => {
  const images = new FakeImages();
  await using api = await testApp({ images });
  await api.call("PUT /v1/registries/registry.example", LOGIN);
  const given = { username: "me", password: "mine" };
  const body = { reference: REFERENCE, policy: "always" };
  expect((await api.call("POST /v1/images/pull", body)).body).toMatchObject({
    status: "ready",
    reference: REFERENCE,
    image: { reference: REFERENCE, shared: false },
  });
  await api.call("POST /v1/images/pull", { ...body, ...given });
  await api.call("POST /v1/images/pull", { ...body, reference: "elsewhere.example/app" });
  await api.call("POST /v1/images/pull", body, OTHERS);
  expect(images.orders.map(({ credentials }) => credentials)).toEqual([LOGIN, given, undefined, undefined]);
  expect(images.orders[0]?.owner).toBe(api.orgId);
  expect(images.orders[3]?.owner).not.toBe(api.orgId);
  for (const half of [
    { username: "me" },
    { password: "mine" },
    { policy: "sometimes" },
    { reference: "A b" },
  ])
    expect((await api.call("POST /v1/images/pull", { ...body, ...half })).status).toBe(400);
});

test("a pull that takes long is answered in time; the same again waits on, and is told how it ended", async () => {
  const images = new FakeImages();
  await using api = await testApp({ images, config: { launchAnswerMs: 50 } });
  const ends = Promise.withResolvers<void>();
  images.gate = ends.promise;
  const pull = (options = {}) => api.call("POST /v1/images/pull", { reference: REFERENCE }, options);
  const first = await pull();
  expect(first).toMatchObject({ status: 202, body: { status: "pulling", reference: REFERENCE } });
  expect((await pull()).status).toBe(202);
  // Another organisation's is its own.
  expect((await pull(OTHERS)).status).toBe(202);
  expect(images.orders).toHaveLength(2);
  ends.reject(new FastvmError("registry_denied", "registry.example answered 403"));
  await ends.promise.catch(() => undefined);
  expect((await pull()).body).toMatchObject({ code: "registry_denied" });
  images.gate = Promise.resolve();
  expect((await pull()).status).toBe(200);
  expect(images.orders).toHaveLength(3);
});

test("there is an end to how many pulls of one organisation are under way", async () => {
  const images = new FakeImages();
  await using api = await testApp({ images, config: { launchAnswerMs: 1 } });
  const ends = Promise.withResolvers<void>();
  images.gate = ends.promise;
  const pull = (tag: number, options = {}) =>
    api.call("POST /v1/images/pull", { reference: `registry.example/app:${tag}` }, options);
  for (let tag = 0; tag < 8; tag++) expect((await pull(tag)).status).toBe(202);
  expect((await pull(8)).body).toMatchObject({ code: "conflict" });
  expect((await pull(8, OTHERS)).status).toBe(202);
  ends.resolve();
});

test("an image is listed, read and removed by its organisation, and seen by no other", async () => {
  await using api = await testApp();
  await api.call("POST /v1/images/pull", { reference: REFERENCE });
  const [listed] = (await api.call("GET /v1/images")).body;
  expect(listed).toMatchObject({ reference: REFERENCE, shared: false });
  expect((await api.call(`GET /v1/images/${encoded}`)).body).toMatchObject({ ...listed, layers: [{}] });
  expect((await api.call(`GET /v1/images/${listed.digest.slice(7, 19)}`)).status).toBe(200);
  for (const name of [encoded, listed.digest, listed.digest.slice(7, 19)]) {
    expect((await api.call(`GET /v1/images/${name}`, undefined, OTHERS)).status).toBe(404);
    expect((await api.call(`DELETE /v1/images/${name}`, undefined, OTHERS)).status).toBe(404);
  }
  expect((await api.call("GET /v1/images", undefined, OTHERS)).body).toEqual([]);
  expect((await api.call(`DELETE /v1/images/${encoded}`)).body).toEqual({ id: REFERENCE, deleted: true });
  expect((await api.call(`DELETE /v1/images/${encoded}`)).status).toBe(404);
});

test("a launch names an image as its own organisation sees it", async () => {
  await using api = await testApp();
  const order = { machineType: "c1m2", image: REFERENCE };
  await api.call("POST /v1/images/pull", { reference: REFERENCE }, OTHERS);
  expect(await api.call("POST /v1/vms", order)).toMatchObject({ status: 404, body: { field: "image" } });
  const { body } = await api.call("POST /v1/vms", order, OTHERS);
  const [vm] = [...api.worker.vms.values()];
  expect(vm?.spec?.source).toEqual({ kind: "template", image: REFERENCE, imageOwner: body.orgId });
});

test("a host without images has none", async () => {
  await using api = await testApp({ images: "none" });
  expect((await api.call("GET /v1/images")).body).toEqual([]);
  expect((await api.call("POST /v1/images/pull", { reference: REFERENCE })).status).toBe(404);
  expect((await api.call("POST /v1/vms", { machineType: "c1m2", image: REFERENCE })).status).toBe(404);
});
