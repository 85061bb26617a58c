/** Reasons for which a daemon cannot start: one line, at once, exit code 1, in the foreground and in the background. */
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../harness/cli.ts";

interface Failure {
  readonly what: string;
  readonly args: (scene: Scene) => readonly string[];
  readonly line: RegExp;
}

interface Scene {
  readonly folder: string;
  readonly takenPort: number;
}

const FAILURES: readonly Failure[] = [
  {
    what: "a port that is taken",
    args: ({ takenPort }) => ["--port", String(takenPort)],
    line: /^Error: Port \d+ of 127\.0\.0\.1 is taken by another program; .*--port$/,
  },
  {
    what: "an address of another machine",
    args: () => ["--host", "203.0.113.1"],
    line: /^Error: This machine has no address 203\.0\.113\.1/,
  },
  {
    what: "a database that nobody serves",
    args: () => ["--database-url", "postgres://me:secret@127.0.0.1:1/records"],
    line: /^Error: The database postgres:\/\/127\.0\.0\.1:1\/records cannot be used: .*ECONNREFUSED/,
  },
  {
    what: "records that cannot be opened",
    args: ({ folder }) => ["--data-dir", join(folder, "odd")],
    line: /^Error: The records in .*odd\/fastvm\.db cannot be used: /,
  },
  {
    what: "a folder below a file",
    args: ({ folder }) => ["--data-dir", join(folder, "file", "data")],
    line: /^Error: The folder .*file\/data cannot be used: .*ENOTDIR/,
  },
  { what: "no guest image", args: () => [], line: /^Error: .*there is no guest image in .*no-image/ },
];

let scene: Scene;
let silent: Server;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-start-"));
  // Such as another daemon: it takes connections.
  silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  scene = { folder, takenPort: (silent.address() as AddressInfo).port };
  await writeFile(join(folder, "file"), "");
  await mkdir(join(folder, "odd", "fastvm.db"), { recursive: true });
});

afterAll(async () => {
  silent.close();
  await rm(scene.folder, { recursive: true });
});

test.each(FAILURES)("$what", async ({ args, line }) => {
  const { folder } = scene;
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    FASTVM_DATA_DIR: join(folder, "data"),
    FASTVM_CACHE_DIR: join(folder, "cache"),
    FASTVM_IMAGE_DIR: join(folder, "no-image"),
    FASTVM_PORT: "0",
  };
  for (const how of [[], ["-d"]]) {
    const { exitCode, stdout, stderr } = await runCli(["serve", ...how, ...args(scene)], env);
    expect(exitCode).toBe(1);
    const lines = stderr
      .trim()
      .split("\n")
      .filter((each) => !each.startsWith("Hint:"));
    expect(lines.length, stderr).toBe(1);
    expect(lines[0]).toMatch(line);
    expect(`${stdout}${stderr}`).not.toContain("secret");
  }
  // Nobody claims the folder, and no worker was begun in it.
  const left = await readdir(join(folder, "data")).catch(() => []);
  expect(left).not.toContain("daemon.json");
  expect(left).not.toContain("vms");
});
