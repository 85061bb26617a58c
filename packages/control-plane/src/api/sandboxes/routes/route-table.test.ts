import { SANDBOX_OPERATIONS, type Operation } from "@fastvm/contract";
import { expect, test } from "vitest";
import { SHARED_CLAIMS } from "../../../app/side-by-side.ts";
import { DocumentedAnswers } from "../../../testing/documented-answers.ts";
import { testApp } from "../../../testing/test-app.ts";

test("every documented operation has a route at the root and below the base path", async () => {
  await using api = await testApp();
  for (const { method, path } of Object.values<Operation>(SANDBOX_OPERATIONS)) {
    const url = path.replaceAll(/\{(\w+)\}/g, ":$1");
    const isShared = SHARED_CLAIMS.has(`${method} ${path.replaceAll(/\{\w+\}/g, "{}")}`);
    const constraints = isShared ? { keyForm: "microsandbox" } : {};
    expect(api.app.hasRoute({ method, url, constraints }), `${method} ${path}`).toBe(true);
    expect(api.app.hasRoute({ method, url: `/microsandbox${url}` }), `${method} /microsandbox${path}`).toBe(
      true,
    );
  }
  const documented = DocumentedAnswers.of("sandboxes").operations();
  expect(documented).toHaveLength(Object.keys(SANDBOX_OPERATIONS).length);
});
