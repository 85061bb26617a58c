import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installPackage } from "../../../packages/sdk/src/testing/install-package.ts";
import { SharedDaemon } from "../../harness/shared-daemon.ts";

const RUNTIMES = fileURLToPath(new URL("../../../.fastvm/runtimes/node_modules/", import.meta.url));
const PROGRAM = fileURLToPath(new URL("./program.js", import.meta.url));
/** One VM's life and a few megabytes; emulated, beside whatever else the machine does. */
const DEADLINE_MS = 120_000;

interface Runtime {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The start of what `--version` prints. */
  readonly version: string;
}

const INSTALLED: readonly Runtime[] = [
  { name: "Node 20", command: `${RUNTIMES}node20/bin/node`, args: [], version: "v20." },
  { name: "Node 22", command: `${RUNTIMES}node22/bin/node`, args: [], version: "v22." },
  { name: "Node 24", command: process.execPath, args: [], version: "v24." },
  {
    name: "Bun",
    command: `${RUNTIMES}@oven/bun-linux-x64-baseline/bin/bun`,
    args: ["run", "--no-install"],
    version: "1.",
  },
  {
    name: "Deno",
    command: `${RUNTIMES}@deno/linux-x64-glibc/deno`,
    args: ["run", "--allow-all", "--node-modules-dir=manual", "--cached-only"],
    version: "deno 2.",
  },
];

const SEEN = {
  health: "ok",
  oneClass: true,
  run: [3, "typed", "problem\n"],
  stream: [["stdout", "one"], ["stderr", "two"], 4],
  aborted: "APIUserAbortError",
  paused: "paused",
  resumed: "running",
  sameBytes: true,
  tree: ["empty", "ünï code.txt"],
  missing: "ENOENT",
  flat: [2048, "hello\n"],
  gone: true,
};

describe("the SDK as it is published", () => {
  const folder = mkdtempSync(join(tmpdir(), "fastvm-runtimes-"));
  let daemon: SharedDaemon;

  beforeAll(async () => {
    installPackage(folder);
    copyFileSync(PROGRAM, join(folder, "program.js"));
    daemon = await SharedDaemon.join();
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test.for(INSTALLED)("works under $name", async ({ name, command, args, version }, { skip }) => {
    if (!existsSync(command)) {
      const reason = `${name} is not there: tools/setup.sh --tests could not install it`;
      process.stderr.write(`skipped: ${reason}\n`);
      skip(reason);
    }
    expect(spawnSync(command, ["--version"], { encoding: "utf8" }).stdout).toMatch(new RegExp(`^${version}`));
    const files = join(folder, name);
    mkdirSync(files);
    const { stdout, stderr } = await promisify(execFile)(command, [...args, "program.js", files], {
      cwd: folder,
      env: { ...daemon.environment, DENO_DIR: join(folder, "deno"), DENO_NO_UPDATE_CHECK: "1" },
      timeout: DEADLINE_MS,
    });
    expect(JSON.parse(stdout), stderr).toEqual(SEEN);
    expect(await daemon.client.vms.list()).toEqual([]);
  });
});
