import { OPERATIONS, type Operation } from "@fastvm/contract";
import { expect, test } from "vitest";
import { OTHER_KEY, testApp } from "../testing/test-app.ts";
import { DocumentedAnswers } from "../testing/documented-answers.ts";

test("every documented operation has a route that is not 404 by path", async () => {
  await using api = await testApp();
  for (const { method, path } of Object.values<Operation>(OPERATIONS)) {
    const url = path.replaceAll(/\{(\w+)\}/g, ":$1");
    expect(api.app.hasRoute({ method, url }), `${method} ${path}`).toBe(true);
  }
  expect(new DocumentedAnswers().operations()).toHaveLength(Object.keys(OPERATIONS).length);
});

test("the served openapi.json is the committed one", async () => {
  await using api = await testApp();
  const { default: committed } = await import("@fastvm/contract/openapi.json", { with: { type: "json" } });
  expect((await api.call("GET /openapi.json")).body).toEqual(committed);
});

test("no route with a parameter shows one organisation's things to another", async () => {
  await using api = await testApp();
  const vm = (await api.call("POST /v1/vms", { machineType: "c1m2", name: "secret" })).body;
  const snapshot = (await api.call("POST /v1/snapshots", { vmId: vm.id, name: "also secret" })).body;
  const before = [await api.call("GET /v1/vms"), await api.call("GET /v1/snapshots")].map(({ body }) => body);
  const body = {
    ...{ command: ["true"], vmId: vm.id, name: "stolen", count: 1, port: 8080 },
    ...{ url: "http://localhost/staging/x", path: "/root/x" },
    publicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBzmNsBWi+Fh7SkKmIm3vbzZ1XNIoWw8dCy0TS9iMfXe",
  };
  let tried = 0;
  for (const { method, path } of Object.values<Operation>(OPERATIONS)) {
    if (!path.includes("{")) continue;
    for (const [vmRef, snapshotRef] of [
      [vm.id, snapshot.id],
      [vm.id.slice(0, 8), snapshot.id.slice(0, 8)],
      ["secret", "also%20secret"],
    ]) {
      const url = path
        .replace("{vmId}", vmRef)
        .replace("{snapshotId}", snapshotRef)
        .replaceAll(/\{\w+\}/g, "x");
      const answer = await api.call(`${method} ${url}`, method === "GET" ? undefined : body, {
        key: OTHER_KEY,
      });
      expect(answer.status, `${method} ${url}`).toBe(404);
      tried += 1;
    }
  }
  expect(tried).toBeGreaterThanOrEqual(30);
  for (const route of ["POST /v1/snapshots", "POST /v1/vms"]) {
    const stolen = route.endsWith("vms") ? { snapshotId: snapshot.id } : { vmId: vm.id };
    expect((await api.call(route, stolen, { key: OTHER_KEY })).status).toBe(404);
  }
  for (const path of ["/v1/vms", "/v1/snapshots"]) {
    expect((await api.call(`GET ${path}`, undefined, { key: OTHER_KEY })).body).toEqual([]);
  }
  const usage = (await api.call("GET /v1/org/quotas", undefined, { key: OTHER_KEY })).body.usage;
  expect(usage).toEqual({ vcpu: 0, memoryMiB: 0, diskGiB: 0, snapshotCount: 0 });
  const after = [await api.call("GET /v1/vms"), await api.call("GET /v1/snapshots")].map(({ body }) => body);
  expect(after).toEqual(before);
});
