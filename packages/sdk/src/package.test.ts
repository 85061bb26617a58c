/**
 * The package as its users get it: built, looked over by the tools for that, installed in
 * a folder of theirs, type-checked and run by each Node there is.
 */
import { execFile, execFileSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ALIAS_PACKAGE, compile, installPackage } from "./testing/install-package.ts";
import type { InstalledPackage } from "./testing/install-package.ts";
import { json, VM, WireServer } from "./testing/wire-server.ts";
import { promisify } from "node:util";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const EXAMPLES = fileURLToPath(new URL("../../../examples/", import.meta.url));
/** As one is written for the published package. */
const PUBLISHED_PROGRAM = fileURLToPath(new URL("../../../e2e/calls/published-program.ts", import.meta.url));
const require = createRequire(import.meta.url);
const NODE_TYPES = dirname(dirname(require.resolve("@types/node/package.json")));
/** The oldest that the package promises to run on. */
const MIN_NODE_MAJOR = 20;

/** The package is ESM alone: who cannot load that, and TypeScript's ways to resolve from the time before, are not promised. */
const NOT_PROMISED = ["node10", "node16-cjs"];

const consumer = mkdtempSync(join(tmpdir(), "fastvm-consumer-"));
let installed: InstalledPackage;

beforeAll(() => {
  installed = installPackage(consumer);
  symlinkSync(NODE_TYPES, join(consumer, "node_modules/@types"));
}, 60_000);

afterAll(() => rmSync(consumer, { recursive: true }));

describe("the built package", () => {
  it.each(["fastvm", "@fastvm/sdk"])("%s is laid out as Node and bundlers expect it", async (name) => {
    const pkgDir = name === "fastvm" ? installed.folder : ALIAS_PACKAGE;
    const { messages, pkg } = await publint({ pkgDir, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  it("holds what is built and nothing else, and packing leaves the sources as they were", () => {
    const list = execFileSync("tar", ["-tzf", installed.tarball], { encoding: "utf8" }).trim().split("\n");
    const built = list.filter((name) => /^package\/dist\/.*\.(js|js\.map|d\.ts)$/.test(name));
    expect(built.length).toBeGreaterThan(50);
    expect(list.filter((name) => !built.includes(name)).toSorted()).toEqual(
      ["package/LICENSE", "package/README.md", "package/package.json"].toSorted(),
    );
    expect(list.filter((name) => /test|packaging/.test(name))).toEqual([]);
    const packed = join(consumer, ".repository/packages/sdk");
    expect(readFileSync(join(packed, "package.json"))).toEqual(readFileSync(join(PACKAGE, "package.json")));
    expect(existsSync(join(packed, "LICENSE"))).toBe(false);
  });

  it("has types that TypeScript finds and that say what is there", () => {
    const result = areTheTypesWrong(installed.tarball);
    expect(result.types).toEqual({ kind: "included" });
    const promised = result.problems.filter(
      ({ resolutionKind = "" }) => !NOT_PROMISED.includes(resolutionKind),
    );
    expect(promised).toEqual([]);
  });

  it("type-checks every snippet of the READMEs and the examples, in strict mode and without our settings", () => {
    const readme = [PACKAGE, ALIAS_PACKAGE]
      .map((folder) => readFileSync(join(folder, "README.md"), "utf8"))
      .join("\n");
    const snippets = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ""]) => code);
    expect(snippets.length).toBeGreaterThanOrEqual(5);
    const examples = readdirSync(EXAMPLES).filter((name) => name.endsWith(".mjs"));
    expect(examples.length).toBeGreaterThanOrEqual(4);
    const programs = [...examples.map((name) => join(EXAMPLES, name)), PUBLISHED_PROGRAM].map((path) =>
      readFileSync(path, "utf8"),
    );
    const files = [...snippets, ...programs].map((code, index) => {
      writeFileSync(join(consumer, `snippet-${index}.ts`), code);
      return `snippet-${index}.ts`;
    });
    const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--types", "node"];
    compile(consumer, [...strict, "--target", "es2022", "--module", "nodenext", ...files]);
  });

  it.each(nodes())("runs on %s", async (node) => {
    const program = `
      import { FastvmClient, NotFoundError } from "fastvm";
      import { FastVM } from "@fastvm/sdk";
      const connection = { apiKey: "k", baseUrl: process.argv[2] };
      const client = new FastvmClient(connection);
      const vm = await client.vms.launch({ machineType: "c1m2" });
      const types = [];
      for await (const event of client.vms.stream(vm, "x")) types.push(event.type);
      const missing = await client.vms.get("missing").catch((error) => error instanceof NotFoundError);
      const flat = new FastVM(connection);
      const listed = await flat.list();
      flat.close();
      console.log(JSON.stringify([types, missing, listed[0].memoryMib]));
    `;
    writeFileSync(join(consumer, "main.js"), program);
    await using server = await WireServer.start((request, response) => {
      if (request.url.endsWith("/exec")) response.end('{"t":"o","d":"aGk="}\n{"t":"x","ms":1}\n');
      else if (request.url.endsWith("/missing")) return json(404, { error: "none" })(request, response);
      else return json(200, request.method === "GET" ? [VM] : VM)(request, response);
    });
    const { stdout } = await promisify(execFile)(node, ["main.js", server.url], { cwd: consumer });
    expect(JSON.parse(stdout)).toEqual([["stdout", "exit"], true, 2048]);
  });
});

interface TypesVerdict {
  readonly types: unknown;
  readonly problems: readonly { readonly resolutionKind?: string }[];
}

/** In a process of its own: the library's package has sources under the condition by which this workspace is run from source. */
function areTheTypesWrong(tarball: string): TypesVerdict {
  const program = `
    import { readFileSync } from "node:fs";
    import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
    const { types, problems } = await checkPackage(createPackageFromTarballData(readFileSync(process.argv[1])));
    process.stdout.write(JSON.stringify({ types, problems }));
  `;
  const args = ["--input-type=module", "--eval", program, tarball];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: PACKAGE, encoding: "utf8" })) as TypesVerdict;
}

/** The Node that runs the tests, and the system's own if it is another one that is promised. */
function nodes(): string[] {
  const system = ["/usr/bin/node", "/usr/local/bin/node"].filter((path) => existsSync(path));
  return [process.execPath, ...system].filter((path) => {
    const version = execFileSync(path, ["--version"], { encoding: "utf8" });
    return Number(/^v(\d+)/.exec(version)?.[1]) >= MIN_NODE_MAJOR;
  });
}
