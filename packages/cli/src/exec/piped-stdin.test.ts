import { closeSync, openSync, truncateSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it, vi } from "vitest";
import { FakeApi } from "../testing/fake-api.ts";
import { CliHome, envFor, resultOf } from "../testing/run-cli.ts";

vi.setConfig({ testTimeout: 120_000 });

const home = new CliHome();
afterAll(() => home[Symbol.dispose]());

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const LIMIT = 16 * 1024 * 1024;

it("a file that is too large is refused before it is read", async () => {
  await using api = await FakeApi.start();
  api.addVm({ name: "dev" });
  const file = join(home.folder, "large");
  writeFileSync(file, "");
  // As large as a file system allows and without content: who reads it first does not come back.
  truncateSync(file, 2 ** 42);
  const stdin = openSync(file, "r");
  const child = spawn(process.execPath, ["--conditions=development", MAIN, "exec", "dev", "cat"], {
    env: { PATH: process.env["PATH"], HOME: home.folder, ...envFor(api) },
    stdio: [stdin, "pipe", "pipe"],
  });
  closeSync(stdin);
  const { exitCode, stderr } = await resultOf(child);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/over 16 MiB.*\nHint: .*fastvm cp/);
  expect(api.execs).toEqual([]);
});

it("a pipe that brings too much is refused when it does", async () => {
  await using api = await FakeApi.start();
  api.addVm({ name: "dev" });
  const { exitCode, stderr } = await home.run(["exec", "dev", "cat"], envFor(api), Buffer.alloc(LIMIT + 1));
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("over 16 MiB") });
});
