/** Files and folders copied by the command line, there and back, with a bar on a terminal. */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "../harness/cli.ts";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { Terminal } from "../harness/terminal.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Seconds of transfer under emulation: enough to see the bar. */
const LARGE_BYTES = 64 * 1024 * 1024;

let daemon: SharedDaemon;

beforeAll(async () => {
  daemon = await SharedDaemon.join();
  await daemon.client.vms.launch({ machineType: "c1m2", name: "dev" });
});

afterAll(() => daemon?.[Symbol.asyncDispose]());

/** Output of a command that must succeed. */
async function good(args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCli(args, daemon.environment);
  expect(exitCode, `fastvm ${args.join(" ")}: ${stderr}`).toBe(0);
  return stdout.trim();
}

test("copies files and folders both ways, with a bar on a terminal", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fastvm-cp-"));
  try {
    await mkdir(join(folder, "tree/deep/empty"), { recursive: true });
    await writeFile(join(folder, "tree/ünï code"), "text");
    await writeFile(join(folder, "large"), randomBytes(LARGE_BYTES));
    expect(await good(["cp", join(folder, "tree"), "dev:/root/tree"])).toBe("dev:/root/tree");
    expect(await good(["exec", "dev", "cd tree && find . | sort | tr '\\n' ' '"])).toBe(
      ". ./deep ./deep/empty ./ünï code",
    );
    await good(["cp", "dev:/root/tree", join(folder, "back")]);
    expect(await readFile(join(folder, "back/ünï code"), "utf8")).toBe("text");
    await using terminal = await Terminal.open({ cols: 120, rows: 30 }, daemon.environment);
    await terminal.enter(`${ROOT}fastvm cp ${join(folder, "large")} dev:/root; echo ended with $?`);
    await terminal.shows(/[█░]{20} +\d+ %  [\d.]+ MiB  [\d.]+ MiB\/s  .*large → dev:\/root\/large/);
    expect(await terminal.shows(/ended with 0/)).not.toMatch(/[█░]/);
    await good(["cp", "dev:/root/large", `${folder}/back/`]);
    const [sent, returned] = await Promise.all([
      readFile(join(folder, "large")),
      readFile(join(folder, "back/large")),
    ]);
    expect(sent.equals(returned)).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});
