/** A program that was written for the published package runs on ours as it is. */
import { expect, test } from "vitest";
import { runProgram } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";

/** Of the catalogue of calls it makes as many, and some twice. */
const AT_LEAST = 60;

test("sixty calls of the published shapes give what they were written for", async () => {
  await using daemon = await TestDaemon.start();
  const { exitCode, stdout, stderr } = await runProgram(
    "e2e/calls/published-program.ts",
    [],
    daemon.environment,
  );
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(Number(stdout)).toBeGreaterThanOrEqual(AT_LEAST);
  expect(await daemon.client.vms.list()).toEqual([]);
});
