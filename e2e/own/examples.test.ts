/** Each example as its readers have it: on the oldest Node that is promised, with the package as npm packs it. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestDaemon } from "../harness/daemon.ts";
import { expectFootprint, restingFootprint } from "../harness/footprint.ts";
import type { Footprint } from "../harness/footprint.ts";
import { makeReaderFolder } from "../harness/reader-folder.ts";
import type { ReaderFolder } from "../harness/reader-folder.ts";

const FOLDER = fileURLToPath(new URL("../../examples/", import.meta.url));
const EXAMPLES = readdirSync(FOLDER).filter((name) => name.endsWith(".mjs"));

/** A few VMs, emulated, beside whatever else the machine does. */
const EXAMPLE_MS = 120_000;

/** A line of each that only a run that worked can print. */
const PRINTS: Readonly<Record<string, RegExp>> = {
  "run-a-command.mjs": /words counted in the VM: 4\n.*exit code 3 .*this goes to stderr/s,
  "stream-output.mjs": /line 1\nline 2\nline 3\nexit code 4\nread 1 MB; 'yes' processes left: 0/,
  "snapshot-and-branch.mjs": /branch 2: prepared once, choice 2, counted to [1-9]/,
  "fork.mjs": /4 children in .*d: written before the fork, random: +[0-9a-f]/s,
};

describe("each example", () => {
  let daemon: TestDaemon;
  let reader: ReaderFolder;
  let before: Footprint;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    reader = await makeReaderFolder(dirname(daemon.config.dataDir));
    before = await restingFootprint(daemon);
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await rm(reader.path, { recursive: true, force: true });
  });

  test("runs on the Node that it says", async () => {
    const { stdout } = await promisify(execFile)(`${reader.path}/bin/node`, ["--version"]);
    expect(stdout).toMatch(/^v20\./);
  });

  test.each(EXAMPLES)("%s does what it says, and leaves nothing behind", async (name) => {
    const { stdout, stderr } = await promisify(execFile)(`${reader.path}/bin/node`, [`examples/${name}`], {
      cwd: reader.path,
      env: daemon.environment,
      timeout: EXAMPLE_MS,
    });
    expect(stderr).toBe("");
    expect(stdout).toMatch(PRINTS[name] ?? /./);
    await expectFootprint(daemon, before);
  });
});
