/** What a shell offers. */
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it, vi } from "vitest";
import { CliHome, envFor } from "../testing/run-cli.ts";
import type { CliResult } from "../testing/run-cli.ts";
import { FakeApi } from "../testing/fake-api.ts";

// Each test starts the program several times, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

function run(api: FakeApi, args: readonly string[], input?: string | Buffer): Promise<CliResult> {
  return home.run(args, envFor(api), input);
}

describe("completion", () => {
  it("offers commands, options and names", async () => {
    await using api = await FakeApi.start();
    api.addVm({ name: "dev" });
    api.addVm({ name: "two words" });
    api.addSnapshot({ name: "ready" });
    const complete = async (...words: string[]): Promise<string> =>
      (await run(api, ["__complete", "--", ...words])).stdout.trim().replaceAll("\n", " ");
    expect(await complete("sn")).toBe("snapshot");
    expect(await complete("vm", "re")).toBe("resume rename restart");
    expect(await complete("exec", "")).toBe("dev");
    expect(await complete("rm", "-y", "dev", "d")).toBe("dev");
    expect(await complete("snapshot", "restore", "-n", "x", "")).toBe("ready");
    expect(await complete("launch", "--dis")).toBe("--disk-gib");
    expect(await complete("launch", "-n", "")).toBe("");
    expect(await complete("vm", "stats", "dev", "")).toBe("dev");
    expect(await complete("completion", "")).toBe("bash zsh fish");
    expect(await complete("firewall", "set", "dev", "--mode", "r")).toBe("restricted");
    expect(await complete("launch", "--machine", "c2")).toBe("c2m4");
    expect(await complete("launch", "-s", "")).toBe("ready");
    expect(await complete("vm", "ls", "--status", "pau")).toBe("pausing paused");
    expect(await complete("config", "get", "")).toBe("api_key base_url");
  });

  // Each shell loads its script without a word, then completes. The stand-ins for what a prompt does are the shells' own way to ask.
  it.for([
    [
      "bash",
      ["--norc", "-c"],
      `eval "$(fastvm completion bash)"
      COMP_WORDS=(fastvm vm get dev); COMP_CWORD=3; _fastvm; echo "\${COMPREPLY[@]}"`,
    ],
    [
      "zsh",
      ["-f", "-c"],
      `source <(fastvm completion zsh)
      compadd() { print -l -- "\${(@P)2}" }
      words=(fastvm vm get dev); CURRENT=4; _fastvm`,
    ],
    [
      "fish",
      ["--no-config", "-c"],
      `fastvm completion fish | source
      complete -C "fastvm vm get dev"`,
    ],
  ] as const)("works in %s", async ([shell, flags, script], { skip }) => {
    const bin = join(home.folder, "bin");
    mkdirSync(bin, { recursive: true });
    const link = join(bin, "fastvm");
    if (!existsSync(link)) symlinkSync(fileURLToPath(new URL("../../bin/fastvm", import.meta.url)), link);
    const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}`, HOME: home.folder };
    if (!isInstalled(shell)) skip(`${shell} is not installed`);
    await using api = await FakeApi.start();
    api.addVm({ name: "development" });
    const answer = await promisify(execFile)(shell, [...flags, script], { env: { ...env, ...envFor(api) } });
    expect(answer).toEqual({ stdout: "development\n", stderr: "" });
  });
});

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}
