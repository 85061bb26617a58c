/** The house style as a test. Each rule is also fed a sample that it must refuse, for a rule that cannot fail keeps nothing. */
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ERROR_CATALOGUE } from "../packages/contract/src/errors/errors.ts";
import { brokenAnchors, brokenLinks, undocumentedErrors } from "./tidy/documents.ts";
import { misplacedImports, unusedFiles, wrongDirections } from "./tidy/imports.ts";
import { machinePaths, registryHosts, vagueFolders } from "./tidy/layout.ts";
import { trackedFiles } from "./tidy/source-file.ts";

const FILES = trackedFiles(fileURLToPath(new URL("..", import.meta.url)));
const file = (path: string, text = "") => ({ path, text });

test("the repository was read", () => {
  expect(FILES.map(({ path }) => path)).toContain("tools/tidy.test.ts");
});

describe("imports", () => {
  test("processes start, and the environment is read, in one module each", () => {
    expect(misplacedImports(FILES)).toEqual([]);
  });

  test("another module that does so is refused with the replacement", () => {
    const starts = file(
      "packages/worker/src/vm/transitions/launch.ts",
      `import { spawn } from "node:child_process";\n`,
    );
    const multiline = file(
      "packages/worker/src/vm/transitions/fork.ts",
      `import {\n  spawn,\n} from "node:child_process";\n`,
    );
    const reads = file("packages/control-plane/src/auth.ts", `const key = process.env["KEY"];\n`);
    expect(misplacedImports([starts, multiline, reads])).toEqual([
      expect.stringMatching(/launch\.ts.*processes\/spawn\.ts/),
      expect.stringMatching(/fork\.ts.*processes\/spawn\.ts/),
      expect.stringMatching(/auth\.ts.*configuration/),
    ]);
  });

  test("packages import downwards", () => {
    expect(wrongDirections(FILES)).toEqual([]);
  });

  test.each([
    ["packages/sdk/src/client.ts", `import type { Vm } from "@fastvm/contract";`],
    ["packages/contract/src/ids.ts", `export { x } from "@fastvm/worker";`],
    ["packages/control-plane/src/app.ts", `import { w } from "@fastvm/worker";`],
    ["packages/worker/src/app.ts", `const m = await import("@fastvm/control-plane");`],
    ["packages/daemon/src/serve.ts", `import { c } from "fastvm";`],
    ["packages/cli/src/run.ts", `import { w } from "@fastvm/worker";`],
    ["packages/cli/src/run.ts", `import { w } from "../../worker/src/index.ts";`],
    ["examples/quickstart/main.ts", `import { run } from "@fastvm/cli";`],
  ])("an import upwards or across in %s is refused: %s", (path, text) => {
    expect(wrongDirections([file(path, text)])).toHaveLength(1);
  });

  test("a package's name in a list that is exported is no import", () => {
    const names = file("packages/contract/src/names.ts", `export const NAMES = ["fastvm", "other"];`);
    expect(wrongDirections([names])).toEqual([]);
  });

  test("every file is used", () => {
    expect(unusedFiles(FILES)).toEqual([]);
  });

  test("a file that only names itself is unused; an imported, a started and an entry file are not", () => {
    const samples = [
      file("packages/worker/src/dead.ts", `// See "./dead.ts".`),
      file("packages/worker/src/index.ts", `export { x } from "./alive.ts";`),
      file("packages/worker/src/alive.ts", `new URL("./started.ts", import.meta.url);`),
      file("packages/worker/src/started.ts"),
    ];
    expect(unusedFiles(samples)).toEqual([expect.stringContaining("src/dead.ts")]);
  });
});

describe("names and words", () => {
  test("folders are named for what they do", () => {
    expect(vagueFolders(FILES)).toEqual([]);
  });

  test.each(["utils", "util", "common", "helpers", "types"])("a folder %s is refused", (name) => {
    expect(vagueFolders([file(`packages/worker/src/${name}/x.ts`)])).toHaveLength(1);
  });

  test("no file names a path of one machine or a package registry", () => {
    expect([...machinePaths(FILES), ...registryHosts(FILES)]).toEqual([]);
  });

  test("a file that does is refused, with its line", () => {
    const path = file("docs/a.md", `first\nsee ${["", "work", "main"].join("/")}`);
    const host = file("tools/a.sh", `npm --registry=https://${["registry", "npmjs", "org"].join(".")}`);
    expect(machinePaths([path])).toEqual([expect.stringContaining("docs/a.md:2:")]);
    expect(registryHosts([host])).toEqual([expect.stringContaining("tools/a.sh:1:")]);
  });

  test("a path that merely ends alike passes", () => {
    expect(machinePaths([file("docs/a.md", "packages/work/x")])).toEqual([]);
  });
});

describe("pages", () => {
  test("relative links lead somewhere", () => {
    expect(brokenLinks(FILES)).toEqual([]);
  });

  test("a link to nowhere is refused; to a folder, an anchor and the web it is not", () => {
    const text =
      "[a](gone.md) [b](../tools) [c](#top) [d](https://example.com/x.md) [e](b.md#part)\n```\n[x](y)\n```";
    const samples = [file("docs/a.md", text), file("docs/b.md"), file("tools/x.sh")];
    expect(brokenLinks(samples)).toEqual([expect.stringContaining("docs/gone.md")]);
  });

  test("links to headings find them", () => {
    expect(brokenAnchors(FILES)).toEqual([]);
  });

  test("a link to a heading that is not there is refused; the second of two equal ones has a number", () => {
    const text = "## The API's `host`\n[a](#the-apis-host) [b](b.md#part-1) [c](b.md#gone) [d](#top)";
    const samples = [file("docs/a.md", text), file("docs/b.md", "# Part\n## Part\n```sh\n# gone\n```\n")];
    expect(brokenAnchors(samples)).toEqual([
      expect.stringContaining("#gone of docs/b.md"),
      expect.stringContaining("#top of docs/a.md"),
    ]);
  });

  test("every error code has its entry", () => {
    expect(undocumentedErrors(FILES, Object.keys(ERROR_CATALOGUE))).toEqual([]);
  });

  test("a code that is only part of a word is not documented", () => {
    const pages = [file("docs/API.md", "`not_found_here` and `quota_exceeded`")];
    expect(undocumentedErrors(pages, ["not_found", "quota_exceeded"])).toEqual([
      expect.stringMatching(/^not_found:/),
    ]);
  });
});
