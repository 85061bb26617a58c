import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const HERE = fileURLToPath(new URL(".", import.meta.url));
/** How modules of a bundle name files by where their sources were (bundle.ts: tellOwnPlace). */
const BY_PLACE =
  /new URL\("(?<file>[^"]+)", new URL\("(?<source>[^"]+)", (?:import\.meta\.url|require\("url"\)\.pathToFileURL\(__filename\)\.href)\)\)/g;
/** Put there by lay-out, which builds them. */
const BUILT = /^packages\/worker\/native\/build\/(?<name>.*)$/;

/** It takes two seconds of a machine that has nothing else to do. */
const BUNDLE_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), "fastvm-bundle-"));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(() => {
  const { status, stderr } = spawnSync(process.execPath, [join(HERE, "bundle.ts"), folder], {
    encoding: "utf8",
  });
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
}, BUNDLE_MS);

function namedByPlace(bundle: string): readonly string[] {
  return readdirSync(join(folder, bundle)).flatMap((chunk) => {
    const text = readFileSync(join(folder, bundle, chunk), "utf8");
    return [...text.matchAll(BY_PLACE)].map(({ groups }) => {
      const source = new URL(groups?.["source"] ?? "", new URL(`${bundle}/${chunk}`, "file:///"));
      return new URL(groups?.["file"] ?? "", source).pathname.slice(1);
    });
  });
}

test("a package has every file that its programs find by their place", () => {
  const [, native = ""] = /^native=\((.*)\)$/m.exec(readFileSync(join(HERE, "lay-out"), "utf8")) ?? [];
  const built = new Set(["", ...native.split(" ")]);
  const wanted = namedByPlace("bundle");
  expect(wanted).toContain("packages/egress-proxy/src/main.ts");
  expect(wanted.length).toBeGreaterThan(10);
  const missing = wanted.filter((path) => {
    const name = BUILT.exec(path)?.groups?.["name"];
    return name === undefined ? !existsSync(join(folder, path)) : !built.has(name);
  });
  expect(missing).toEqual([]);
});

test("the proxy's process needs nothing but the folder of its package", () => {
  const alone = join(folder, "packages/egress-proxy");
  const files = readdirSync(join(alone, "bundle")).map((name) =>
    readFileSync(join(alone, "bundle", name), "utf8"),
  );
  const imports = files.flatMap((text) =>
    [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, from]) => from),
  );
  expect(imports.length).toBeGreaterThan(5);
  expect(imports.filter((from) => !/^(?:node:|\.\/)|^[a-z_/]+$/.test(from ?? ""))).toEqual([]);
});

test("what the command is made of is compiled once, and no part of it starts the command again", () => {
  const read = (name: string) => readFileSync(join(folder, "bundle", name), "utf8");
  const [before = "", after = ""] = read("fastvm.js").split("enableCompileCache)(");
  expect(after).toContain("common-");
  expect(before).not.toContain("common-");
  const starting = readdirSync(join(folder, "bundle")).filter((name) =>
    read(name).includes('require("./fastvm.js")'),
  );
  expect(starting).toEqual([]);
});
