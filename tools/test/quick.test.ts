import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { trackedFiles } from "../tidy/source-file.ts";
import { changedFiles } from "./changed-files.ts";
import { ImportGraph } from "./import-graph.ts";
import { chooseQuick, QUICK_BUDGET_SEC, readQuick, type Choice } from "./quick.ts";
import { LONG_FILES, selectStages } from "./stages.ts";

const FILES = trackedFiles(resolve(import.meta.dirname, "../.."));
const FAILING_DATABASE = "packages/control-plane/src/engine/reconcile/failing-database.test.ts";
const choose = (...paths: readonly string[]): Choice => chooseQuick({ against: "main", paths }, FILES);
const unitOf = ({ stages }: Choice): readonly string[] =>
  stages.find(({ name }) => name === "unit")?.command.filter((word) => word.endsWith(".test.ts")) ?? [];
const namesOf = ({ stages }: Choice): readonly string[] => stages.map(({ name }) => name);

describe("what stands on a file", () => {
  const file = (path: string, text = "") => ({ path, text });
  const graph = new ImportGraph([
    file("packages/worker/package.json", `{"name": "@fastvm/worker", "exports": "./src/index.ts"}`),
    file("packages/worker/src/a.ts", `export const a = 1;`),
    file("packages/worker/src/b.ts", `export const b = 1;\nexport interface Shape {}`),
    file("packages/worker/src/all.ts", `export * from "./c.ts";\nexport * from "./d.ts";`),
    file("packages/worker/src/c.ts", `export const c = 1;`),
    file("packages/worker/src/d.ts", `export const d = 1;`),
    file(
      "packages/worker/src/index.ts",
      `export { a } from "./a.ts";\nexport { b as better, type Shape } from "./b.ts";\nexport * from "./all.ts";`,
    ),
    file("packages/daemon/src/serve.ts", `import { a } from "@fastvm/worker";`),
    file("packages/daemon/src/renamed.ts", `import { better } from "@fastvm/worker";`),
    file("packages/daemon/src/all.ts", `import * as worker from "@fastvm/worker";`),
    file("packages/daemon/src/one.ts", `import { c } from "@fastvm/worker";`),
    file("packages/daemon/src/shapes.ts", `import { type Shape } from "@fastvm/worker";`),
    file("packages/daemon/src/more-shapes.ts", `import type * as all from "../../worker/src/b.ts";`),
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
      "packages/daemon/src/serve.ts",
      "packages/daemon/src/all.ts",
      "packages/daemon/src/starts.test.ts",
      "packages/daemon/src/serve.test.ts",
    ]);
  });

  test("is only what takes something of it that runs, under whatever name it was passed on", () => {
    const dependents = (path: string) => [...graph.dependents([path])].slice(1);
    expect(dependents("packages/worker/src/b.ts")).toEqual([
      "packages/daemon/src/renamed.ts",
      "packages/daemon/src/all.ts",
    ]);
    expect(dependents("packages/worker/src/c.ts")).toEqual([
      "packages/daemon/src/all.ts",
      "packages/daemon/src/one.ts",
    ]);
    expect(dependents("packages/worker/src/d.ts")).toEqual(["packages/daemon/src/all.ts"]);
    // A file that passes names on is part of the way to each.
    expect(dependents("packages/worker/src/index.ts")).toEqual([
      "packages/daemon/src/serve.ts",
      "packages/daemon/src/renamed.ts",
      "packages/daemon/src/all.ts",
      "packages/daemon/src/one.ts",
      "packages/daemon/src/serve.test.ts",
    ]);
  });

  test("is not what has the name of a package as a word", () => {
    const path = "packages/sdk/src/index.ts";
    const manifest = `{"name": "fastvm", "exports": {".": {"development": "./src/index.ts"}}}`;
    const words = new ImportGraph([
      file("packages/sdk/package.json", manifest),
      file(path),
      file("tools/word.ts", `const api = "fastvm";`),
      file("tools/import.ts", `import { vms } from "fastvm";`),
    ]);
    expect([...words.dependents([path])]).toEqual([path, "tools/import.ts"]);
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
    expect(choice.says.join("\n")).toMatch(/by hand.*\.\/test e2e e2e\/network\/names\.test\.ts$/m);
  });

  test("begins with what judges everything, then with what is nearest to the change, and ends with what takes long", () => {
    const chosen = unitOf(choose("packages/contract/src/names.ts"));
    expect(chosen.slice(0, 2)).toEqual(["tools/tidy.test.ts", "packages/contract/src/names.test.ts"]);
    expect(chosen.at(-1)).toBe(FAILING_DATABASE);
    expect(unitOf(choose(FAILING_DATABASE)).at(1)).toBe(FAILING_DATABASE);
    const unit = choose(FAILING_DATABASE).stages.find(({ name }) => name === "unit");
    expect(unit?.order).toEqual(unitOf(choose(FAILING_DATABASE)));
    expect(unit?.lastStartSec).toBeLessThan(QUICK_BUDGET_SEC);
  });

  test("of types alone leaves them to the compiler", () => {
    const chosen = unitOf(choose("packages/contract/src/port/worker-port.ts"));
    expect(chosen.filter((path) => path.startsWith("packages/"))).toEqual([]);
  });

  test("names for each tier and file that it leaves to be run something that is there", () => {
    const folders = [
      "contract/src/port/worker-port",
      "worker/src/dns/resolver",
      "worker/src/firewall/firewall",
    ];
    const more = ["worker/src/journal/journal", "control-plane/src/engine/engine", "daemon/src/serve"];
    const says = choose(...[...folders, ...more].map((path) => `packages/${path}.ts`)).says.at(-1) ?? "";
    const commands = [...says.matchAll(/\.\/test ([\w-]+)((?: [^;]+)?)/g)];
    expect(commands.length).toBeGreaterThan(4);
    for (const [, stage = "", paths = ""] of commands) {
      expect(() => selectStages([stage])).not.toThrow();
      for (const path of paths.trim().split(" ").filter(Boolean))
        expect(
          FILES.some((one) => one.path.startsWith(path)),
          path,
        ).toBe(true);
    }
  });

  test("of a piece of one package leaves alone who takes other things of it", () => {
    const all = unitOf(choose("package-lock.json")).length;
    for (const path of ["packages/sdk/src/vms/vm.ts", "packages/contract/src/limits.ts"])
      expect(unitOf(choose(path)).length, path).toBeLessThan(all / 2);
    expect(unitOf(choose("packages/contract/src/limits.ts"))).toEqual(
      expect.arrayContaining([
        "packages/control-plane/src/engine/lifecycle.test.ts",
        "packages/daemon/src/config.test.ts",
      ]),
    );
  });

  test("is that of files which are taken for changed, where they are named", () => {
    const paths = ["docs/API.md", "packages/edge/src/edge.ts"];
    expect(readQuick([], FILES)).toEqual({ onlySay: false });
    expect(readQuick(["--say", "--as-if", ...paths], FILES)).toMatchObject({
      onlySay: true,
      change: { paths },
    });
    expect(() => readQuick(["--as-if", "gone.ts"], FILES)).toThrow("gone.ts is no file");
    expect(() => readQuick(["--as-if"], FILES)).toThrow("--as-if FILE");
    expect(() => readQuick(["packages/edge"], FILES)).toThrow("quick takes");
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
