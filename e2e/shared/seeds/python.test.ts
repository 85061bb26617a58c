/**
 * The examples that the two Python clients are documented with. Where those cannot be installed, what they
 * send is sent by Python's standard library: the same requests with the same headers in the same order.
 */
import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SharedDaemon } from "../../harness/shared-daemon.ts";

const FOLDER = fileURLToPath(new URL("./python/", import.meta.url));
/** Of all examples of one client. */
const DEADLINE_MS = 170_000;

interface Outcome {
  readonly name: string;
  readonly failure: string | null;
}

function python(module: string, ...args: readonly string[]): readonly string[] {
  // Written nowhere: the folder is part of the repository.
  return ["-B", "run.py", module, ...args];
}

describe.each(["flat_examples", "generated_examples"])("of the Python clients, %s", (module) => {
  const names = JSON.parse(
    execFileSync("python3", python(module, "--list"), { cwd: FOLDER, encoding: "utf8" }),
  ) as readonly string[];
  let daemon: SharedDaemon;
  let outcomes: readonly Outcome[];

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
    const env = { ...daemon.environment, PYTHONIOENCODING: "utf-8", LC_ALL: "C.UTF-8" };
    const run = promisify(execFile)("python3", python(module), { cwd: FOLDER, env, timeout: DEADLINE_MS });
    outcomes = (await run).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Outcome);
  });

  afterAll(() => daemon[Symbol.asyncDispose]());

  test.for(names)("%s", (name) => {
    const others = outcomes.filter((outcome) => !names.includes(outcome.name));
    expect(others).toEqual([]);
    expect(outcomes.filter((outcome) => outcome.name === name)).toEqual([{ name, failure: null }]);
  });

  test("nothing is left of them", async () => {
    expect(await daemon.client.vms.list()).toEqual([]);
  });
});
