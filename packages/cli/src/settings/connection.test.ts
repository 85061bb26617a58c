import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { FakeApi } from "../testing/fake-api.ts";
import { CliHome } from "../testing/run-cli.ts";

vi.setConfig({ testTimeout: 120_000 });

it("the data folder leads to its daemon, wherever that listens", async () => {
  await using api = await FakeApi.start();
  using home = new CliHome();
  api.addVm({ name: "dev" });
  const folder = join(home.folder, "data");
  mkdirSync(folder);
  writeFileSync(join(folder, "api-key"), "test key\n");
  writeFileSync(join(folder, "daemon.json"), JSON.stringify({ url: api.url, process: { pid: 1 } }));
  expect(await home.run(["vm", "ls"])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("dev") });
  writeFileSync(join(folder, "daemon.json"), '{"url": "http');
  expect((await home.run(["vm", "ls"])).stderr).toContain("127.0.0.1:8800");
});

it("the machine's file says which server and which data folder are meant, and its key is for that server alone", async () => {
  await using api = await FakeApi.start();
  await using other = await FakeApi.start();
  using home = new CliHome();
  api.addVm({ name: "dev" });
  const file = join(home.folder, "machine.toml");
  const env = { FASTVM_CONFIG_FILE: file, FASTVM_DATA_DIR: "" };
  // This machine may have a daemon of its own where they are by default.
  const daemon = `[daemon]\nport = 1\ndata_dir = "${join(home.folder, "none")}"\n`;
  writeFileSync(file, `base_url = "${api.url}"\napi_key = "test key"\n${daemon}`);
  expect(await home.run(["vm", "ls"], env)).toMatchObject({ stdout: expect.stringContaining("dev") });
  expect((await home.run(["vm", "ls", "--base-url", other.url], env)).stderr).toContain("No API key");

  const folder = join(home.folder, "elsewhere");
  mkdirSync(folder);
  writeFileSync(join(folder, "api-key"), "test key\n");
  writeFileSync(join(folder, "daemon.json"), JSON.stringify({ url: api.url, process: { pid: 1 } }));
  writeFileSync(file, `[daemon]\ndata_dir = "${folder}"\n`);
  expect(await home.run(["vm", "ls"], env)).toMatchObject({ stdout: expect.stringContaining("dev") });

  writeFileSync(file, "base_url = 1\n");
  expect((await home.run(["vm", "ls"], env)).stderr).toContain("base_url must be text in quotes");
  writeFileSync(file, 'api_key = "secret\n');
  const broken = await home.run(["vm", "ls"], env);
  expect(broken.stderr).toContain(`${file}:1 cannot be understood`);
  expect(broken.stderr).not.toContain("secret");
});

it("a setting is changed in the user's file, and what is somebody else's there is not", async () => {
  using home = new CliHome();
  const folder = join(home.folder, ".config/fastvm");
  const file = join(folder, "config.toml");
  mkdirSync(folder, { recursive: true });
  const others = '# mine\n[other]\napi_key = "theirs"\n';
  writeFileSync(file, `api_key = 'old'\n${others}`);
  expect((await home.run(["config", "set", "api_key", 'new "one"'])).exitCode).toBe(0);
  expect(readFileSync(file, "utf8")).toBe(`api_key = "new \\"one\\""\n${others}`);
  expect((await home.run(["config", "get", "api_key"])).stdout).toBe('new "one"\n');
  const long = 'base_url = """\\\n  http://one.example"""\n';
  writeFileSync(file, long);
  expect((await home.run(["config", "get", "base_url"])).stdout).toBe("http://one.example\n");
  expect((await home.run(["config", "set", "base_url", "http://x"])).stderr).toContain("Change it by hand");
  expect(readFileSync(file, "utf8")).toBe(long);
});
