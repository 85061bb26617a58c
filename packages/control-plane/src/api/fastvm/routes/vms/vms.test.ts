import { expect, test } from "vitest";
import { testApp } from "../../../../testing/test-app.ts";

test("launch, get, exec, delete", async () => {
  await using api = await testApp();
  const launched = await api.call("POST /v1/vms", { machineType: "c1m2", name: "  my   vm " });
  expect(launched.status).toBe(201);
  expect(launched.body).toMatchObject({
    status: "running",
    name: "my vm",
    cpu: 1,
    memoryMiB: 2048,
    diskGiB: 10,
  });
  const { id } = launched.body;
  expect((await api.call(`GET /v1/vms/${id}`)).body).toEqual(launched.body);
  const exec = await api.call(`POST /v1/vms/${id}/exec`, { command: ["true"] });
  expect(exec.body).toMatchObject({ exitCode: 0, stdout: "" });
  expect((await api.call(`DELETE /v1/vms/${id}`)).body).toEqual({ id, deleted: true });
  expect((await api.call(`GET /v1/vms/${id}`)).status).toBe(404);
});
