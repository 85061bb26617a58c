import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { trackedFiles } from "../tidy/source-file.ts";
import { changedFiles } from "./changed-files.ts";
import { ImportGraph } from "./import-graph.ts";
import { chooseQuick, type Choice } from "./quick.ts";
import { LONG_FILES } from "./stages.ts";

const FILES = trackedFiles(resolve(import.meta.dirname, "../.."));
const choose = (...paths: readonly string[]): Choice => chooseQuick({ against: "main", paths }, FILES);
const unitOf = ({ stages }: Choice): readonly string[] =>
  stages.find(({ name }) => name === "unit")?.command.filter((word) => word.endsWith(".test.ts")) ?? [];
const namesOf = ({ stages }: Choice): readonly string[] => stages.map(({ name }) => name);

describe("what stands on a file", () => {
  const file = (path: string, text = "") => ({ path, text });
  const graph = new ImportGraph([
    file("packages/worker/src/a.ts"),
    file("packages/worker/src/index.ts", `export { a } from "./a.ts";`),
    file("packages/daemon/src/serve.ts", `import { a } from "@fastvm/worker";`),
    file("packages/daemon/src/serve.test.ts", `await import("./serve.ts");`),
    file("packages/daemon/src/starts.test.ts", `new URL("../../worker/src/a.ts", import.meta.url);`),
    file("packages/contract/openapi.json", `{"a": "b"}`),
    file("packages/contract/src/reads.test.ts", `readFileSync("packages/contract/openapi.json")`),
    file("packages/worker/native/build/confine.c"),
    file("packages/worker/src/native.test.ts", `join(ROOT, "packages/worker/native/build")`),
    file("packages/sdk/src/other.ts", `// "./a.ts"`),
  ]);

  test("is what imports it, by path and through a package, and what names it", () => {
    expect([...graph.dependents(["packages/worker/src/a.ts"])]).toEqual([
      "packages/worker/src/a.ts",
      "packages/worker/src/index.ts",
      "packages/daemon/src/starts.test.ts",
      "packages/daemon/src/serve.ts",
      "packages/daemon/src/serve.test.ts",
    ]);
  });

  test("is what reads it, and what names the folder that it is in", () => {
    const found = graph.dependents([
      "packages/contract/openapi.json",
      "packages/worker/native/build/confine.c",
    ]);
    expect([...found]).toEqual(
      expect.arrayContaining(["packages/contract/src/reads.test.ts", "packages/worker/src/native.test.ts"]),
    );
    expect(found.size).toBe(4);
  });
});

describe("a quick run", () => {
  test("of a module tests it and what imports it, the tidiness of all, and every verb once", () => {
    const choice = choose("packages/worker/src/dns/resolver.ts");
    expect(namesOf(choice)).toEqual(["lint", "format", "typecheck", "unit", "image", "smoke"]);
    expect(unitOf(choice)).toEqual(
      expect.arrayContaining(["packages/worker/src/dns/resolver.test.ts", "tools/tidy.test.ts"]),
    );
    expect(unitOf(choice).filter((path) => path.startsWith("packages/edge/"))).toEqual([]);
    expect(choice.says.join("\n")).toMatch(/by hand.*\.\/test e2e-network/);
  });

  test("of a page starts no VM", () => {
    expect(namesOf(choose("docs/API.md"))).toEqual(["lint", "format", "typecheck", "unit"]);
  });

  test("of the agent tests the agent, of the API's description lints that, of the Python SDK tests it", () => {
    expect(namesOf(choose("guest/agent/src/main.c"))).toContain("agent");
    expect(namesOf(choose("packages/contract/src/api/fastvm/openapi.json"))).toContain("openapi");
    expect(namesOf(choose("sdk-python/src/fastvm/client.py"))).toContain("python");
  });

  test("of what everything stands on tests every unit", () => {
    const all = unitOf(choose("package-lock.json"));
    expect(all).toEqual(expect.arrayContaining([...unitOf(choose("packages/sdk/src/index.ts"))]));
    expect(all.some((path) => path.includes(".vm.test.ts"))).toBe(false);
  });

  test("says what else there is to run for a changed test", () => {
    expect(choose("e2e/own/tls.test.ts").says.join("\n")).toContain("./test e2e e2e/own/tls.test.ts");
  });
});

test("each file that may take long is there", () => {
  expect(FILES.map(({ path }) => path)).toEqual(expect.arrayContaining([...LONG_FILES.keys()]));
});

test("a change is what a branch has beyond main, or what is not committed, or else the last commit", () => {
  const folder = mkdtempSync(join(tmpdir(), "fastvm-changed-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const git = (...args: readonly string[]): unknown =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], {
      cwd: folder,
      stdio: "ignore",
    });
  const commit = (name: string): void => {
    writeFileSync(join(folder, name), name);
    git("add", "-A");
    git("commit", "-m", name);
  };
  git("init", "--initial-branch=main");
  commit("first");
  expect(changedFiles(folder)).toMatchObject({ paths: [] });
  commit("second");
  expect(changedFiles(folder)).toMatchObject({ paths: ["second"] });
  writeFileSync(join(folder, "new"), "");
  expect(changedFiles(folder)).toEqual({ against: "the last commit", paths: ["new"] });
  git("checkout", "-b", "branch");
  commit("third");
  writeFileSync(join(folder, "first"), "changed");
  rmSync(join(folder, "second"));
  expect(changedFiles(folder)).toMatchObject({
    against: expect.stringMatching(/^main at /),
    paths: ["first", "new", "second", "third"],
  });
});
