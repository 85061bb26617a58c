import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildOpenapi } from "./openapi.ts";

test("the committed openapi.json is what the schemas say (else: npm run openapi -w @fastvm/contract)", () => {
  const committed: unknown = JSON.parse(readFileSync(new URL("./openapi.json", import.meta.url), "utf8"));
  expect(committed).toEqual(buildOpenapi());
});

test("every reference points at a component", () => {
  const document = buildOpenapi();
  const text = JSON.stringify(document);
  const components = (document["components"] as { schemas: Record<string, unknown> }).schemas;
  const names = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map((match) => match[1] ?? "");
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) expect(components).toHaveProperty(name);
});
