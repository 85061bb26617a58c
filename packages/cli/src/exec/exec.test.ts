/** Commands in VMs: their output, their input, their end. */
import { afterAll, describe, expect, it, vi } from "vitest";
import { CliHome, envFor, exitCodeOf, resultOf } from "../testing/run-cli.ts";
import type { CliResult } from "../testing/run-cli.ts";
import { FakeApi } from "../testing/fake-api.ts";

// Each test starts the program several times, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

function run(api: FakeApi, args: readonly string[], input?: string | Buffer): Promise<CliResult> {
  return home.run(args, envFor(api), input);
}

describe("exec", () => {
  it("keeps stdout and stderr apart and ends with the command's exit code", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    expect(await run(api, ["exec", "dev", "echo out; echo err >&2; exit 7"])).toMatchObject({
      exitCode: 7,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  it("hands the command's own options to it, and takes ours before it", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    await run(api, ["exec", "--timeout", "5", "dev", "-e", "A=1", "sh", "-c", "exit 0", "--json", "-h"]);
    await run(api, ["vm", "exec", "dev", "--", "ls", "-la"]);
    expect(api.execs).toEqual(
      [
        { command: ["sh", "-c", "exit 0", "--json", "-h"], timeoutSec: 5, env: { A: "1" } },
        { command: ["ls", "-la"] },
      ].map((each) => expect.objectContaining(each)),
    );
  });

  it("carries bytes both ways as they are", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    const { stdoutBytes, exitCode } = await run(api, ["exec", "dev", "cat"], bytes);
    expect(exitCode).toBe(0);
    expect(stdoutBytes.equals(bytes)).toBe(true);
  });

  it("does not wait for a program that leaves our stdin open", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const result = await resultOf(home.spawn(["exec", "dev", "echo hi"], envFor(api)));
    expect(result).toMatchObject({ exitCode: 0, stdout: "hi\n" });
  });

  it("says so when the command could not be started", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const { exitCode, stderr } = await run(api, ["exec", "dev", "no-such-program", "x"]);
    expect(exitCode).toBe(127);
    expect(stderr).toContain("ENOENT");
  });

  it("prints one object with --json", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const { stdout, exitCode } = await run(api, ["exec", "--json", "dev", "echo hi; exit 3"]);
    expect(JSON.parse(stdout)).toMatchObject({ exitCode: 3, stdout: "hi\n" });
    expect(exitCode).toBe(3);
  });

  it("prints output while the command still runs, and Ctrl-C kills the command", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const child = home.spawn(["exec", "--no-stdin", "dev", "echo started; sleep 60"], envFor(api));
    const exitCode = exitCodeOf(child);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill("SIGINT");
    await api.abandoned.promise;
    expect(await exitCode).toBe(130);
  });

  it("ends quietly when nobody reads its output any more", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    const child = home.spawn(["exec", "--no-stdin", "dev", "yes"], envFor(api));
    const exitCode = exitCodeOf(child);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.stdout?.destroy();
    await api.abandoned.promise;
    expect(await exitCode).toBe(141);
  });
});

describe("run", () => {
  it("deletes the VM after the command, and after a Ctrl-C", async () => {
    await using api = await FakeApi.start();
    expect(await run(api, ["run", "-m", "c2m4", "exit 5"])).toMatchObject({ exitCode: 5 });
    const child = home.spawn(["run", "--no-stdin", "echo started; sleep 60"], envFor(api));
    const exitCode = exitCodeOf(child);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    child.kill("SIGINT");
    expect(await exitCode).toBe(130);
    expect(api.vms.size).toBe(0);
    expect(api.calls.filter((call) => call.startsWith("DELETE"))).toHaveLength(2);
  });
});
