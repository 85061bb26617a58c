/** The table of docs/sandbox-spec.md has every field of the types, and names tests and refusals that there are. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const FILES = [
  "sandboxes",
  "sandbox-lives",
  "sandbox-mounts",
  "sandbox-networks",
  "interception",
  "refused-fields",
  "published-client",
  "logs",
  "host-fields",
  "metrics",
  "snapshots",
  "volumes/volumes",
] as const;
const TESTS = FILES.map((name) => read(`packages/control-plane/src/api/sandboxes/routes/${name}.test.ts`));
/** Of no field: it is any JSON. */
const ANYTHING = "JsonValue";

function fieldsOfTypes(): string[] {
  const types = read("packages/sdk/src/sandboxes/types.ts").matchAll(
    /export type (\w+)(?:<\w+>)? =([^]*?);\n(?=\n|$)/g,
  );
  return [...types].flatMap(([, name = "", body = ""]) =>
    name === ANYTHING
      ? []
      : [...new Set([...body.matchAll(/(\w+)\??:/g)].map(([, field]) => `${name} ${field}`))],
  );
}

const rows = [...read("docs/sandbox-spec.md").matchAll(/^\| (\w+) +\| (\w+) +\| (.+?) +\|$/gm)]
  .map(([, type = "", field = "", shown = ""]) => ({ type, field, shown }))
  .filter(({ type }) => /^[A-Z]/.test(type));

test("every field of every type is in the table, and nothing else", () => {
  const fields = fieldsOfTypes();
  expect(fields.length).toBeGreaterThan(100);
  expect(rows.map(({ type, field }) => `${type} ${field}`)).toEqual(fields);
});

test("what the table names is a test, or a refusal that is tested", () => {
  const missing = rows.filter(({ shown }) => {
    const refused = /^refused: `(.+)`$/.exec(shown)?.[1];
    const searched = refused === undefined ? `"${shown}` : `"${refused}"`;
    return !TESTS.some((source) => source.includes(searched) || source.includes(`\`${shown}`));
  });
  expect(missing).toEqual([]);
});

test("every type of the specification is exported by its name, and compared with ours", () => {
  const namesIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name);
  const theirs = namesIn(read("packages/sdk/src/testing/seed-sandbox-types.ts"), /^export type (\w+)/gm);
  expect(namesIn(read("packages/sdk/src/sandboxes.ts"), /^ {2}(\w+),$/gm)).toEqual(theirs);
  const compared = namesIn(
    read("packages/sdk/src/sandboxes/agreement.test.ts"),
    /expectTypeOf<ours\.(\w+)(?:<string>)?>\(\)\.toEqualTypeOf<Theirs\.\1\b/g,
  );
  expect(compared).toEqual(theirs);
});
