import { OPERATIONS, type Operation } from "@fastvm/contract";
import { expect, test } from "vitest";
import { SHARED_CLAIMS } from "../../../app/side-by-side.ts";
import { testApp } from "../../../testing/test-app.ts";
import { DocumentedAnswers } from "../../../testing/documented-answers.ts";

/** Documented, and served by other means than the table of operations. */
const BESIDE = [
  "GET /metrics",
  "GET /v1/events/ws",
  "GET /v1/vms/{vmId}/console/ws",
  "GET /v1/vms/{vmId}/ports/{port}/ws",
];

test("every documented operation has a route that is not 404 by path", async () => {
  await using api = await testApp();
  for (const { method, path } of Object.values<Operation>(OPERATIONS)) {
    const url = path.replaceAll(/\{(\w+)\}/g, ":$1");
    const constraints = SHARED_CLAIMS.has(`${method} ${path.replaceAll(/\{\w+\}/g, "{}")}`)
      ? { keyForm: "fastvm" }
      : {};
    expect(api.app.hasRoute({ method, url, constraints }), `${method} ${path}`).toBe(true);
  }
  expect(DocumentedAnswers.shared.operations()).toHaveLength(Object.keys(OPERATIONS).length + BESIDE.length);
});

test("the served openapi.json is the committed one", async () => {
  await using api = await testApp();
  const { default: committed } = await import("@fastvm/contract/openapi.json", {
    with: { type: "json" },
  });
  expect((await api.call("GET /openapi.json")).body).toEqual(committed);
});
