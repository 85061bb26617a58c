import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { renderErrorPage } from "./error-page.ts";
import { ERROR_CODES } from "./errors.ts";

const committed = readFileSync(new URL("../../../../docs/ERRORS.md", import.meta.url), "utf8");

test("the committed page is what the catalogue says (else: npm run openapi -w @fastvm/contract)", () => {
  expect(committed).toBe(renderErrorPage());
});

test("every code has a row", () => {
  const rows = [...committed.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
  expect(rows).toHaveLength(ERROR_CODES.length);
  expect(new Set(rows)).toEqual(new Set(ERROR_CODES));
});
