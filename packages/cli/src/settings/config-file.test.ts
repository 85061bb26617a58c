import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeConfigValue } from "./config-file.ts";
import { writeContexts } from "./contexts.ts";

const KEY = "fvm_a-key-of-a-test";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-config-"));
});
afterEach(() => rm(folder, { recursive: true }));

test.each([
  ["config.toml", () => writeConfigValue(folder, "api_key", KEY)],
  [
    "contexts.json",
    () => writeContexts(folder, { byName: new Map([["one", { url: "http://h", apiKey: KEY }]]) }),
  ],
])("%s is its owner's alone from when it holds a key, whoever could read it before", async (name, write) => {
  const file = join(folder, name);
  await writeFile(file, "");
  await chmod(file, 0o644);
  await write();
  expect(await readFile(file, "utf8")).toContain(KEY);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});
