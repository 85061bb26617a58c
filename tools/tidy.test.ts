/** The house style as a test. Each rule is also fed a sample that it must refuse, for a rule that cannot fail keeps nothing. */
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ERROR_CATALOGUE } from "../packages/contract/src/errors/errors.ts";
import { OPERATIONS } from "../packages/contract/src/api/fastvm/operations.ts";
import { MACHINE_OPERATIONS } from "../packages/contract/src/api/machines/operations.ts";
import { SANDBOX_OPERATIONS } from "../packages/contract/src/api/sandboxes/operations.ts";
import { emptyExceptions, wholeContexts } from "./tidy/contexts.ts";
import { circlesOfC, climbs, emptyPlaces } from "./tidy/directions.ts";
import { brokenAnchors, brokenLinks, undocumentedErrors } from "./tidy/documents.ts";
import { deadExports } from "./tidy/exports.ts";
import { misplacedImports, unusedFiles, wrongDirections } from "./tidy/imports.ts";
import { machinePaths, registryHosts, unexplainedFiles, vagueFolders, wideLines } from "./tidy/layout.ts";
import { lostTests } from "./tidy/promised-tests.ts";
import { untestedRoutes } from "./tidy/routes.ts";
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
    ["packages/contract/src/model/ids.ts", `export { x } from "@fastvm/worker";`],
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

  test("inside a package they point down, too", () => {
    expect(climbs(FILES)).toEqual([]);
  });

  test.each([
    ["packages/worker/src/vm/state/vm.ts", `import type { R } from "../transitions/launch.ts";`, "above"],
    ["packages/worker/src/memory/delta.ts", `import {\n  chain,\n} from "../disk/chain.ts";`, "beside"],
    ["packages/worker/src/files/copy.ts", `export { worker } from "../worker.ts";`, "above"],
    ["packages/worker/src/processes/proc.ts", `import { copy } from "../files/copy.ts";`, "above"],
    ["packages/sdk/src/files/files.ts", `const { vms } = await import("../vms/vms.ts");`, "above"],
    ["guest/agent/src/streams/exec.c", `#include "agent.h"\n#include "loop/serve.h"\n`, "above"],
    ["guest/agent/src/link/link.c", `#include "link.h"\n#include "system/clock.h"\n`, "beside"],
    ["packages/worker/src/odds/ends.ts", "", "no place"],
    ["packages/contract/src/model/ttl.ts", `import { MAX_TTL_SEC } from "../limits.ts";`, "beside"],
    ["packages/control-plane/src/engine/find.ts", `import { route } from "../api/shared/scope.ts";`, "above"],
    ["packages/control-plane/src/engine/vms/vms.ts", `import { fastify } from "fastify";`, "no HTTP"],
    [
      "packages/control-plane/src/api/fastvm/x.ts",
      `import { pause } from "../../engine/vms/pause.ts";`,
      "door",
    ],
    [
      "packages/control-plane/src/api/shared/x.ts",
      `import type { Store } from "../../store/store.ts";`,
      "door",
    ],
    ["packages/contract/src/model/ids.ts", `import { Type } from "typebox";`, "plain types"],
    ["packages/control-plane/src/operator/x.ts", `import type { S } from "../store/store.ts";`, "door"],
  ])("an upward import in %s is refused: %s", (path, text, objection) => {
    expect(climbs([file(path, text)])).toEqual([expect.stringContaining(objection)]);
  });

  test("imports of what stands below, of the own folder, and a test's own are let be", () => {
    const samples = [
      file("packages/worker/src/processes/proc.ts", `import { isErrno } from "../files/errno.ts";`),
      file(
        "packages/worker/src/vm/state/vm.ts",
        `import { a } from "./b.ts"; import { c } from "../../disk/chain.ts";`,
      ),
      file(
        "packages/control-plane/src/api/fastvm/x.ts",
        `import type { Vms } from "../../engine/engine.ts";`,
      ),
      file("packages/worker/src/vm/state/vm.test.ts", `import { launch } from "../transitions/launch.ts";`),
      file(
        "guest/agent/src/streams/exec.c",
        `#include "exec.h"\n#include "agent.h"\n#include "link/link.h"\n`,
      ),
    ];
    expect(climbs(samples)).toEqual([]);
  });

  test("functions say which parts of a context they touch", () => {
    expect(wholeContexts(FILES)).toEqual([]);
    expect(emptyExceptions(FILES)).toEqual([]);
  });

  test.each([
    [
      "packages/control-plane/src/engine/vms/pause.ts",
      "async function pause(ctx: LifecycleContext): Promise<void> {",
    ],
    [
      "packages/control-plane/src/engine/vms/pause.ts",
      `function f({ store }: Pick<LifecycleContext, "store">) {`,
    ],
    ["packages/worker/src/vm/transitions/pause.ts", "  readonly #context: WorkerContext;"],
  ])("one that takes the whole is refused in %s: %s", (path, text) => {
    expect(wholeContexts([file(path, text)])).toEqual([expect.stringContaining("Parts<")]);
  });

  test("parts, tests and who composes a context are let be, and the list of these has no gaps", () => {
    const samples = [
      file("packages/worker/src/vm/transitions/pause.ts", `function f(context: Parts<"config">) {`),
      file("packages/worker/src/vm/transitions/pause.test.ts", "let context: WorkerContext;"),
      file("packages/worker/src/open-context.ts", "const context: WorkerContext = {"),
    ];
    expect(wholeContexts(samples)).toEqual([]);
    expect(emptyExceptions(samples)).toContainEqual(expect.stringContaining("engine/context.ts"));
  });

  test("the table has no places that nothing takes", () => {
    expect(emptyPlaces(FILES)).toEqual([]);
    const moved = FILES.filter(({ path }) => !path.startsWith("packages/worker/src/ip/"));
    expect(emptyPlaces(moved)).toEqual([expect.stringContaining("packages/worker/src/ip:")]);
  });

  test("no two modules of the agent include each other", () => {
    expect(circlesOfC(FILES)).toEqual([]);
  });

  test("a circle of sources and headers is refused, with the way back", () => {
    const samples = [
      file("guest/agent/src/streams/stream.c", `#include "stream.h"\n#include "exec.h"\n`),
      file("guest/agent/src/streams/stream.h"),
      file("guest/agent/src/streams/exec.c", `#include "exec.h"\n#include "streams/turns.h"\n`),
      file("guest/agent/src/streams/turns.h", `#include "stream.h"\n`),
    ];
    expect(circlesOfC(samples)).toContainEqual(expect.stringMatching(/stream: .*exec, .*turns$/));
    expect(circlesOfC(samples.slice(0, 3))).toEqual([]);
  });

  test("what is exported is imported", () => {
    expect(deadExports(FILES)).toEqual([]);
  });

  test("a dead export is refused, passed on or not; what somebody takes by any way is none", () => {
    const manifest = (name: string) =>
      file(`packages/${name}/package.json`, `{"name": "@fastvm/${name}", "exports": "./src/index.ts"}`);
    const samples = [
      manifest("worker"),
      file(
        "packages/worker/src/index.ts",
        `export { open, shut } from "./door.ts";\nexport type * from "./key.ts";`,
      ),
      file(
        "packages/worker/src/door.ts",
        "export function open() {}\nexport const shut = 1;\nexport class Hinge {}",
      ),
      file(
        "packages/worker/src/key.ts",
        "export interface Key {}\nexport type Lost = 1;\nconst a = 1;\nexport { a as Tag };",
      ),
      file("packages/worker/src/lazy.ts", "export const later = 1;"),
      file("packages/worker/src/all.ts", "export const each = 1;"),
      file(
        "packages/daemon/src/serve.ts",
        `import { open as unlock, type Key } from "@fastvm/worker";\nimport * as all from "../../worker/src/all.ts";\n` +
          `const { later } = await import("../../worker/src/lazy.ts");`,
      ),
    ];
    const dead = deadExports(samples).map((finding) =>
      /src\/(\S+): nobody imports (\w+)/.exec(finding)?.slice(1),
    );
    expect(dead).toEqual([
      ["index.ts", "shut"],
      ["door.ts", "shut"],
      ["door.ts", "Hinge"],
      ["key.ts", "Lost"],
      ["key.ts", "Tag"],
    ]);
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

describe("for who reads", () => {
  test("lines fit beside each other", () => {
    expect(wideLines(FILES)).toEqual([]);
  });

  test("a line over the width is refused, with its number", () => {
    const samples = [
      file("a/b.ts", `// ${"x".repeat(137)}\n// ${"x".repeat(138)}`),
      file("a/b.md", "x".repeat(999)),
    ];
    expect(wideLines(samples)).toEqual([expect.stringContaining("a/b.ts:2: has 141 columns")]);
  });

  test("files say what they are for", () => {
    expect(unexplainedFiles(FILES)).toEqual([]);
  });

  test("a file without its line is refused; of a header and its source one has it, a test's name says it", () => {
    const samples = [
      file("packages/cli/src/bare.ts", `import { a } from "./a.ts";\n\nexport const b = a;\n`),
      file("packages/cli/src/first.ts", "/** What it does. */\nexport {};\n"),
      file(
        "packages/cli/src/behind.ts",
        `import { a } from "./a.ts";\nimport b from "b";\n\n/** It. */\nexport {};\n`,
      ),
      file("packages/cli/src/main.ts", "#!/usr/bin/env node\n// Starts it.\n"),
      file("packages/cli/src/bare.test.ts", `import { a } from "./a.ts";\n`),
      file("guest/agent/src/link/a.c", `#include "a.h"\n`),
      file("guest/agent/src/link/a.h", "/* What it does. */\n#ifndef A\n"),
      file("guest/agent/src/link/b.c", "#include <stdio.h>\n"),
    ];
    const found = unexplainedFiles(samples);
    expect(found).toEqual([expect.stringContaining("src/bare.ts:"), expect.stringContaining("link/b.c:")]);
  });

  test("every route is called by a test", () => {
    expect(untestedRoutes(FILES, Object.values(OPERATIONS))).toEqual([]);
    expect(untestedRoutes(FILES, Object.values(MACHINE_OPERATIONS))).toEqual([]);
    expect(untestedRoutes(FILES, Object.values(SANDBOX_OPERATIONS))).toEqual([]);
  });

  test("a route that only others' tests or longer paths name is refused", () => {
    const route = { method: "POST", path: "/v1/vms/{vmId}/pause" };
    const calls = (...texts: readonly string[]) =>
      texts.map((text, index) => file(`packages/control-plane/src/${index}.test.ts`, text));
    const near = calls("`POST /v1/vms/${id}/pause/now`", '"PUT /v1/vms/x/pause"', '"POST /v1/vms/pause"');
    const elsewhere = file("packages/sdk/src/vms.test.ts", "`POST /v1/vms/${id}/pause`");
    expect(untestedRoutes([...near, elsewhere], [route])).toEqual([
      expect.stringContaining("POST /v1/vms/{vmId}/pause"),
    ]);
    expect(untestedRoutes(calls("`POST /v1/vms/${await launch(api)}/pause`"), [route])).toEqual([]);
    expect(untestedRoutes(calls('"POST /v1/vms/dev/pause?x=1"'), [route])).toEqual([]);
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

test("the tests that the guide to machines promises are there", () => {
  expect(lostTests(FILES, ["docs/machines-guide.md"])).toEqual([]);
});

test("a promised test that is not there is refused", () => {
  const page = (row: string) => file("docs/a.md", `| # | sentence | test |\n|---|---|---|\n${row}\n`);
  const tests = [
    file("src/a.test.ts", `test("it runs")`),
    file("tests/test_a.py", "def test_it_runs(): ..."),
  ];
  const said = (row: string) => lostTests([page(row), ...tests], ["docs/a.md"]);
  expect(said('| 1 | runs | `a.test.ts`, `test_a.py`, "it runs" |')).toEqual([]);
  expect(said("| 1 | runs | none: advice |")).toEqual([]);
  expect(said("| 1 | runs | |")).toEqual([expect.stringContaining("names no test")]);
  expect(said("| 1 | runs | `b.test.ts` |")).toEqual([expect.stringContaining("b.test.ts")]);
  expect(said('| 1 | runs | `a.test.ts`, "it stops" |')).toEqual([expect.stringContaining("it stops")]);
});
