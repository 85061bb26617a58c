/** What the pages tell their readers to type, typed: each page in a shell of its own, from top to bottom. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { freePort } from "../harness/free-port.ts";
import { blocksOf, scriptOf } from "../harness/page-blocks.ts";
import { makeReaderFolder } from "../harness/reader-folder.ts";
import type { ReaderFolder } from "../harness/reader-folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** A page's few VMs, emulated, and a backup's 900 MiB out and in, beside whatever else the machine does. */
const PAGE_MS = 200_000;
/** And what is cleared after it: a page that takes too long is ended, and says where. */
const TEST_MS = PAGE_MS + 100_000;

/** Of a daemon's log: errors, and what ended it. */
const ERROR_LINE = /^\{"level":[56]0,/;

const RUN = ["sh", "ts"];
/** Data and output. */
const SHOWN = ["", "json", "toml"];

/** Pages with commands for those who change FastVM; they build, bench and debug it. */
const FOR_DEVELOPERS = ["docs/HACKING.md"];
/** These start and stop a daemon. */
const WITH_DAEMON_OF_ITS_OWN = ["docs/START.md", "docs/OPERATIONS.md"];

/** All blocks that may be left out, so that no page stops being run unnoticed. */
const NOT_RUN: Readonly<Record<string, number>> = {
  "README.md": 3,
  "docs/OPERATIONS.md": 10,
  "docs/START.md": 1,
  "docs/api/images.md": 1,
  "docs/api/tls.md": 1,
  "docs/sandbox-spec.md": 1,
  "examples/README.md": 1,
  "packages/cli/README.md": 1,
  "packages/sdk/README.md": 4,
};

const PAGES = ["", "docs", "docs/api", "examples", "packages/sdk", "packages/sdk-alias", "packages/cli"]
  .flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => join(folder, name)))
  .filter((path) => path.endsWith(".md") && !FOR_DEVELOPERS.includes(path))
  .map((path) => ({ path, blocks: blocksOf(readFileSync(join(ROOT, path), "utf8")) }))
  .filter(({ blocks }) => blocks.length > 0);

const RUNNABLE = PAGES.map(({ path, blocks }) => ({
  path,
  blocks: blocks.filter((block) => RUN.includes(block.language) && block.notRunBecause === undefined),
})).filter(({ blocks }) => blocks.length > 0);

test("blocks are found, with the reason of those that are left out", () => {
  const page = "a\n```sh\nls\n```\n<!-- not run: no such machine -->\n```ts\nx;\n```\n";
  expect(blocksOf(page)).toEqual([
    { language: "sh", code: "ls\n", line: 2 },
    { language: "ts", code: "x;\n", line: 6, notRunBecause: "no such machine" },
  ]);
  expect(() => blocksOf("```sh\nls\n")).toThrow("does not end");
});

test("every block is run or shown, and only the known ones are left out", () => {
  const unknown = PAGES.flatMap(({ path, blocks }) =>
    blocks
      .filter(({ language }) => ![...RUN, ...SHOWN].includes(language))
      .map(({ line }) => `${path}:${line}`),
  );
  expect(unknown).toEqual([]);
  const leftOut = PAGES.map(
    ({ path, blocks }) => [path, blocks.filter((block) => block.notRunBecause !== undefined).length] as const,
  );
  expect(Object.fromEntries(leftOut.filter(([, count]) => count > 0))).toEqual(NOT_RUN);
  for (const page of ["README.md", "docs/START.md", "packages/sdk/README.md", "docs/api/vms.md"]) {
    expect(RUNNABLE.map(({ path }) => path)).toContain(page);
  }
});

describe("the blocks of", () => {
  let daemon: TestDaemon;
  let reader: ReaderFolder;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    reader = await makeReaderFolder(dirname(daemon.config.dataDir));
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await rm(reader.path, { recursive: true, force: true, maxRetries: 3 });
  });

  const withDaemon = RUNNABLE.filter(({ path }) => !WITH_DAEMON_OF_ITS_OWN.includes(path));
  test.each(withDaemon)("$path do what they say", { timeout: TEST_MS }, async ({ path, blocks }) => {
    try {
      await run(path, blocks, daemon.environment, Number(new URL(daemon.url).port));
    } finally {
      const { client } = daemon;
      await Promise.all((await client.vms.list()).map((vm) => client.vms.delete(vm)));
      await Promise.all((await client.snapshots.list()).map((one) => client.snapshots.delete(one)));
    }
  });

  test.each(RUNNABLE.filter(({ path }) => WITH_DAEMON_OF_ITS_OWN.includes(path)))(
    "$path do what they say, from the daemon's start to its end",
    { timeout: TEST_MS },
    async ({ path, blocks }) => {
      const dataDir = join(reader.path, "data");
      const port = await freePort();
      const environment = {
        FASTVM_DATA_DIR: dataDir,
        FASTVM_PORT: String(port),
        FASTVM_POOL_SIZE: "0",
        FASTVM_POOL_MAX_SIZE: "0",
      };
      try {
        await run(path, blocks, environment, port);
      } finally {
        await endDaemon(dataDir);
        await rm(dataDir, { recursive: true, force: true, maxRetries: 3 });
      }
    },
  );

  /** As written, but for the data folder and the port, which belong to the machine's own daemon. */
  async function run(
    path: string,
    blocks: (typeof RUNNABLE)[number]["blocks"],
    environment: Record<string, string>,
    port: number,
  ): Promise<void> {
    const env = {
      ...environment,
      PATH: reader.searchPath,
      HOME: reader.path,
    };
    const dataDir = environment["FASTVM_DATA_DIR"] ?? "";
    const script = scriptOf(path, blocks, (file, code) => writeFileSync(join(reader.path, file), code))
      .replaceAll("/var/lib/fastvm", dataDir)
      .replaceAll("8800", String(port));
    const child = spawn("bash", ["-c", script], { cwd: reader.path, env, timeout: PAGE_MS });
    child.stdin.end();
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [stdout, stderr, exitCode] = await Promise.all([
      child.stdout.toArray(),
      child.stderr.toArray(),
      ended,
    ]);
    if (exitCode === 0) return;
    // The reason first: the list of what failed has the first line alone.
    const printed = Buffer.concat([...stderr, ...stdout]).toString();
    expect.fail(`${await errorsIn(dataDir)}${printed}exit code ${exitCode}`);
  }
});

/** What a daemon that a page has started logged as errors; its folder goes with it. */
async function errorsIn(dataDir: string): Promise<string> {
  const log = await readFile(join(dataDir, "daemon.log"), "utf8").catch(() => "");
  return log
    .split("\n")
    .filter((line) => ERROR_LINE.test(line))
    .map((line) => `${line}\n`)
    .join("");
}
