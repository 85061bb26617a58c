import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildOpenapi } from "./openapi.ts";
import { OPERATIONS } from "./operations.ts";
import { renderReference, type OpenapiDocument } from "./reference.ts";

const document = JSON.parse(JSON.stringify(buildOpenapi())) as OpenapiDocument;
const committed = readFileSync(new URL("../../../../../docs/API-REFERENCE.md", import.meta.url), "utf8");

test("the committed reference is what the schemas say (else: npm run openapi -w @fastvm/contract)", () => {
  expect(committed).toBe(renderReference(document));
});

test("the reference has every operation, and every schema under a heading that its links find", () => {
  for (const { method, path } of Object.values(OPERATIONS))
    expect(committed).toContain(`\`${method} ${path}\``);
  const headings = new Set(
    [...committed.matchAll(/^### (.+)$/gm)].map(([, name = ""]) => name.toLowerCase()),
  );
  // A second heading of that name would get another anchor, and links would lead to the first.
  const all = [...committed.matchAll(/^#+ (.+)$/gm)].map(([, name = ""]) => name.toLowerCase());
  expect(all.length).toBe(new Set(all).size);
  const links = [...committed.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = ""]) => anchor);
  expect(links.length).toBeGreaterThan(50);
  expect(links.filter((anchor) => !headings.has(anchor))).toEqual([]);
});
