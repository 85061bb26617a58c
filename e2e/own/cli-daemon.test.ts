/** A daemon as the command line starts it, finds it and ends it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../harness/cli.ts";
import { processesIn } from "../harness/processes.ts";

test("starts a daemon in the background, finds it by its folder, and ends it with its VMs", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-cli-"));
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    FASTVM_DATA_DIR: join(folder, "data"),
  };
  try {
    const started = await runCli(
      ["serve", "--detach", "--port", "0", "--pool-size", "0", "--pool-max-size", "0"],
      env,
    );
    const [url = ""] = /http:\/\/127\.0\.0\.1:\d+/.exec(started.stdout) ?? [];
    expect(started, started.stderr).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("serves http://"),
    });
    const there = { ...env, FASTVM_BASE_URL: url };
    expect(await runCli(["run", "echo hello"], there)).toMatchObject({ exitCode: 0, stdout: "hello\n" });
    expect(await runCli(["launch", "-n", "left-over"], there)).toMatchObject({ exitCode: 0 });
    expect(await processesIn(env.FASTVM_DATA_DIR)).toHaveLength(1);
    expect(await runCli(["daemon", "stop", "--vms"], env)).toMatchObject({ exitCode: 0 });
    expect(await processesIn(env.FASTVM_DATA_DIR)).toEqual([]);
    expect(await runCli(["daemon", "stop"], env)).toMatchObject({
      exitCode: 0,
      stdout: "No daemon runs here\n",
    });
    const gone = await runCli(["vm", "ls"], there);
    expect(gone).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^Error: .*\nHint: /s) });
  } finally {
    await runCli(["daemon", "stop", "--delete-vms"], env);
    await rm(folder, { recursive: true, force: true });
  }
});
