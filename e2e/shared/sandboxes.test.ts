/** The published client of sandboxes, as it comes from npm, and its command, unchanged against a real VM. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createKey } from "@fastvm/daemon";
import { Sandbox, SandboxNotFoundError } from "microsandbox";
import { SharedDaemon } from "../harness/shared-daemon.ts";

/** On a machine that may be busy with others. */
const TIMEOUT_MS = 400_000;
/** Of which there is a template already: one of a size of its own takes a boot. */
const MEMORY_MIB = 2048;

const MSB = join(createRequire(import.meta.url).resolve("microsandbox"), "../../bin/microsandbox.cjs");

let daemon: SharedDaemon;
let home: string;
let sandbox: Sandbox;

beforeAll(async () => {
  daemon = await SharedDaemon.join();
  home = mkdtempSync(join(tmpdir(), "fastvm-msb-"));
  const { key } = await createKey(daemon.dataDir, { api: "microsandbox", org: daemon.orgId });
  const settings = { MSB_BACKEND: "cloud", MSB_API_URL: daemon.url, MSB_API_KEY: key, MSB_HOME: home };
  Object.assign(process.env, settings);
  sandbox = await Sandbox.builder("one")
    .image("base")
    .memory(MEMORY_MIB)
    .env("A", "b")
    .workdir("/srv")
    .create();
}, TIMEOUT_MS);

afterAll(async () => {
  await Sandbox.remove("one").catch(() => undefined);
  await daemon?.[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

async function msb(...args: string[]): Promise<string> {
  const running = promisify(execFile)(process.execPath, [MSB, ...args], { env: process.env });
  // It passes its own input on, and waits for the end of that.
  running.child.stdin?.end();
  return (await running).stdout;
}

test("commands run, are fed, are ended by signals, and say why they did not start", async () => {
  const output = await sandbox.shell("pwd; echo $A; echo to-stderr >&2; exit 3");
  expect([output.code, output.stdout(), output.stderr()]).toEqual([3, "/srv\nb\n", "to-stderr\n"]);
  const fed = await sandbox.execStreamWith("cat", (options) => options.stdinPipe());
  const input = await fed.takeStdin();
  await input?.write("through a pipe\n");
  await input?.close();
  expect((await fed.collect()).stdout()).toBe("through a pipe\n");
  const sleeping = await sandbox.execStream("sleep", ["1000"]);
  await sleeping.signal(15);
  expect(await sleeping.wait()).toMatchObject({ code: -1 });
  await expect(sandbox.exec("no-such-program")).rejects.toThrow(/no-such-program|not found/i);
});

test("files go in and come out", async () => {
  const bytes = Buffer.alloc(4 * 1024 * 1024, "x");
  const files = sandbox.fs();
  await files.write("/srv/a", bytes);
  expect(Buffer.from(await files.read("/srv/a")).equals(bytes)).toBe(true);
  expect((await sandbox.shell("wc -c < /srv/a")).stdout().trim()).toBe(String(bytes.length));
  await expect(files.read("/none")).rejects.toThrow(/No such file or directory \(os error 2\)/);
});

test("the command msb sees and uses the same sandbox", async () => {
  expect(await msb("ls")).toMatch(/one\s+\S+\s+running/);
  expect(await msb("exec", "one", "--", "sh", "-c", "echo from-$A")).toBe("from-b\n");
  await msb("rm", "one");
  await expect(Sandbox.get("one")).rejects.toThrow(SandboxNotFoundError);
});
