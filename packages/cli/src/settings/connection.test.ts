import { mkdirSync, writeFileSync } from "node:fs";
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
