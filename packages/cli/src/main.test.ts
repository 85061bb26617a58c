/** The settings, and what the command line says of mistakes. */
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it, vi } from "vitest";
import { CliHome, envFor } from "./testing/run-cli.ts";
import { FakeApi } from "./testing/fake-api.ts";

// Each test starts the program several times, beside whatever else the machine is busy with.
vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

describe("settings", () => {
  it("keeps the key in a file for its owner alone, and the environment wins over it", async () => {
    await using api = await FakeApi.start();
    using own = new CliHome();
    expect((await own.run(["config", "set", "base_url", api.url])).exitCode).toBe(0);
    const file = join(own.folder, ".config/fastvm/config.toml");
    writeFileSync(file, `${readFileSync(file, "utf8")}\n# mine\n[other]\napi_key = "not this"\n`);
    expect((await own.run(["config", "set", "api_key", "test key"])).exitCode).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toContain("# mine\n[other]");
    expect((await own.run(["config", "get", "api_key"])).stdout).toBe("test key\n");
    expect((await own.run(["config", "get", "--json"])).stdout).toContain(api.url);
    expect((await own.run(["vm", "ls"])).exitCode).toBe(0);
    expect((await own.run(["vm", "ls"], { FASTVM_API_KEY: "other" })).stderr).toMatch(/^Error: 401: /);
    expect((await own.run(["vm", "ls", "--api-key", "test key"], { FASTVM_API_KEY: "other" })).exitCode).toBe(
      0,
    );
    expect(await own.run(["config", "set", "colour", "red"])).toMatchObject({ exitCode: 1 });
  });

  it("uses the local daemon's key for this machine and for no other", async () => {
    await using api = await FakeApi.start();
    using own = new CliHome();
    mkdirSync(join(own.folder, "data"));
    writeFileSync(join(own.folder, "data/api-key"), "test key\n");
    expect((await own.run(["vm", "ls"], { FASTVM_BASE_URL: api.url })).exitCode).toBe(0);
    const remote = await own.run(["vm", "ls"], { FASTVM_BASE_URL: "http://example.invalid" });
    expect(remote).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("No API key") });
  });
});

describe("the command line", () => {
  it("explains mistakes on stderr and ends with 1", async () => {
    for (const args of [
      ["nope"],
      ["vm", "get"],
      ["launch", "--disk-gib", "x"],
      ["vm", "ls", "--metadata", "x"],
    ]) {
      const { exitCode, stdout, stderr } = await home.run(args);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
      expect(stderr).toMatch(/^error: /);
    }
  });

  it("prints help and the version to stdout", async () => {
    expect(await home.run(["--help"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("snapshot"),
    });
    expect((await home.run(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("says what to do when no daemon answers", async () => {
    const api = await FakeApi.start();
    const env = envFor(api);
    await api[Symbol.asyncDispose]();
    const { exitCode, stderr } = await home.run(["vm", "ls"], env);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^Error: .*ECONNREFUSED.*\nHint: .*fastvm serve\n$/);
  });

  it("starts through a symbolic link from another folder", () => {
    const launcher = join(dirname(fileURLToPath(import.meta.url)), "../bin/fastvm");
    const link = join(home.folder, "fastvm");
    if (!existsSync(link)) symlinkSync(launcher, link);
    expect(execFileSync(link, ["--version"], { cwd: "/", encoding: "utf8" })).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
