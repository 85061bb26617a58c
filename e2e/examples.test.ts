import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestDaemon } from "./harness/daemon.ts";
import { expectFootprint, restingFootprint } from "./harness/footprint.ts";
import type { Footprint } from "./harness/footprint.ts";
import { runProgram } from "./harness/cli.ts";

const FOLDER = fileURLToPath(new URL("../examples/", import.meta.url));
const EXAMPLES = readdirSync(FOLDER).filter((name) => name.endsWith(".ts"));

/** A line of each that only a run that worked can print. */
const PRINTS: Readonly<Record<string, RegExp>> = {
  "run-a-command.ts": /words counted in the VM: 4\n.*exit code 3 .*this goes to stderr/s,
  "stream-output.ts": /line 1\nline 2\nline 3\nexit code 4\nread 1 MB; 'yes' processes left: 0/,
  "snapshot-and-branch.ts": /branch 2: prepared once, choice 2, counted to [1-9]/,
  "fork.ts": /4 children in .*d: written before the fork, random: +[0-9a-f]/s,
};

describe("each example", () => {
  let daemon: TestDaemon;
  let before: Footprint;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    before = await restingFootprint(daemon);
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  test.each(EXAMPLES)("%s does what it says, and leaves nothing behind", async (name) => {
    const { exitCode, stdout, stderr } = await runProgram(`examples/${name}`, [], daemon.environment);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(PRINTS[name] ?? /./);
    await expectFootprint(daemon, before);
  });
});
