/** The part of the house style that the linter keeps: a sample that breaks each rule must be refused. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LINT = join(ROOT, "node_modules/.bin/oxlint");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fastvm-lint-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function lint(...texts: readonly string[]): string {
  for (const [index, text] of texts.entries()) writeFileSync(join(folder, `sample-${index}.ts`), text);
  return spawnSync(LINT, ["-c", join(ROOT, ".oxlintrc.json"), folder], { encoding: "utf8" }).stdout;
}

const lines = (count: number): string => "  call();\n".repeat(count);

test.each([
  ["no-console", `console.log("x");\n`],
  ["no-default-export", "export default 1;\n"],
  ["no-explicit-any", "export const x: any = 1;\n"],
  ["no-non-null-assertion", "export const x = (y: string | undefined) => y!.length;\n"],
  ["max-lines-per-function", `export function long(call: () => void) {\n${lines(71)}}\n`],
  ["max-lines", "// A line.\n".repeat(501)],
])("%s is refused", (rule, text) => {
  expect(lint(text)).toContain(`(${rule})`);
});

test("a circle is refused, and one of types alone", () => {
  const one = 'import type { Two } from "./sample-1.ts";\nexport type One = Two | 1;\n';
  const two = 'import type { One } from "./sample-0.ts";\nexport type Two = One[];\n';
  expect(lint(one, two)).toContain("(no-cycle)");
  expect(lint(one, "export type Two = 2;\n")).toContain("Found 0 warnings and 0 errors");
});

test("a clean file of the allowed size passes", () => {
  expect(lint(`export function long(call: () => void) {\n${lines(60)}}\n`)).toContain(
    "Found 0 warnings and 0 errors",
  );
});
