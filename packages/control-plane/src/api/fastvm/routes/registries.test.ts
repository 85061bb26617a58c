import { expect, test } from "vitest";
import { OTHER_KEY, testApp } from "../../../testing/test-app.ts";

const REGISTRY = "registry.example:5000";

test("a login is made, shown without its password, replaced and forgotten", async () => {
  await using api = await testApp();
  const set = (username: string) =>
    api.call("PUT /v1/registries/Registry.Example:5000", { username, password: "a token" });
  const made = await set("ci");
  expect(made).toMatchObject({ status: 200, body: { registry: REGISTRY, username: "ci" } });
  expect((await api.call("GET /v1/registries")).body).toEqual([made.body]);
  const replaced = await set("bot");
  expect(replaced.body).toMatchObject({ username: "bot", createdAt: made.body.createdAt });
  const encoded = encodeURIComponent(REGISTRY);
  expect((await api.call(`GET /v1/registries/${encoded}`)).body).toEqual(replaced.body);
  expect((await api.call(`GET /v1/registries/${encoded}`, undefined, { key: OTHER_KEY })).status).toBe(404);
  expect((await api.call(`DELETE /v1/registries/${encoded}`)).body).toEqual({ id: REGISTRY, deleted: true });
  expect((await api.call(`DELETE /v1/registries/${encoded}`)).status).toBe(404);
  expect((await api.call("GET /v1/registries")).body).toEqual([]);
});
