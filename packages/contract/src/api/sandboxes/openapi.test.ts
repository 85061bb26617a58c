import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildSandboxesOpenapi } from "./openapi.ts";

test("the committed openapi.json is what the schemas say (else: npm run openapi -w @fastvm/contract)", () => {
  const committed: unknown = JSON.parse(readFileSync(new URL("./openapi.json", import.meta.url), "utf8"));
  expect(committed).toEqual(buildSandboxesOpenapi());
});
