/** Every method of the published client of sandboxes that it does not refuse by itself, unchanged against one real VM. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createKey } from "@fastvm/daemon";
import { SandboxesClient } from "fastvm/sandboxes";
import { Sandbox, Volume } from "microsandbox";
import { PublishedSandboxes } from "../harness/published-sandboxes.ts";
import { SharedDaemon } from "../harness/shared-daemon.ts";

/** On a machine that may be busy with others. */
const TIMEOUT_MS = 400_000;
/** Of which there is a template already: one of a size of its own takes a boot. */
const MEMORY_MIB = 2048;

let daemon: SharedDaemon;
let published: PublishedSandboxes;
let sandbox: Sandbox;

beforeAll(async () => {
  daemon = await SharedDaemon.join();
  const { key } = await createKey(daemon.dataDir, { api: "microsandbox", org: daemon.orgId });
  published = new PublishedSandboxes(daemon.url, key);
  await Volume.builder("walked").create();
  sandbox = await Sandbox.builder("walked")
    .image("base")
    .memory(MEMORY_MIB)
    .cpus(1)
    .envs({ A: "b" })
    .labels({ of: "the walk" })
    .shell("/bin/sh")
    .cmd(["sh", "-c", "echo the default; exit 4"])
    .volume("/mnt/data", (mount) => mount.named("walked").statVirtualization("off"))
    .volume("/mnt/memory", (mount) => mount.tmpfs().size(16))
    .maxDuration(3600)
    .idleTimeout(3600)
    .create();
}, TIMEOUT_MS);

afterAll(async () => {
  await Sandbox.remove("walked").catch(() => undefined);
  await Volume.remove("walked").catch(() => undefined);
  await daemon?.[Symbol.asyncDispose]();
  published?.[Symbol.dispose]();
});

const msb = (...args: string[]): Promise<string> => published.msb(...args);

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

test("commands: by every way to start them", async () => {
  const byDefault = await sandbox.execDefault();
  expect([byDefault.code, byDefault.stdout()]).toEqual([4, "the default\n"]);
  expect((await sandbox.exec("echo", ["a", "b"])).stdout()).toBe("a b\n");
  const given = await sandbox.execWith("sh", (options) =>
    options
      .args(["-c", "pwd; echo $A$B; id -un; ulimit -n; cat"])
      .cwd("/tmp")
      .env("B", "c")
      .user("nobody")
      .rlimit("nofile", 99)
      .timeout(60_000)
      .stdinBytes(Buffer.from("fed")),
  );
  expect(given.stdout()).toBe("/tmp\nbc\nnobody\n99\nfed");
  const terminal = await sandbox.execStreamWith("sh", (options) =>
    options.args(["-c", "read x; stty size; test -t 1 && echo tty-$x"]).tty(true).stdinPipe(),
  );
  const keys = await terminal.takeStdin();
  await terminal.resize(30, 100);
  await keys?.write("typed\n");
  expect((await terminal.collect()).stdout()).toMatch(/30 100\r\ntty-typed/);
  const killed = await sandbox.shellStream("sleep 1000");
  await killed.kill();
  expect((await killed.wait()).success).toBe(false);
  const late = sandbox.execWith("sleep", (options) => options.args(["100"]).timeout(500));
  await expect(late).rejects.toThrow(/timed out|timeout/i);
  const bytes = await sandbox.exec("head", ["-c", "300000", "/dev/zero"]);
  expect(bytes.stdoutBytes()).toHaveLength(300_000);
});

test("files: by every verb, and between guest and host", async () => {
  const files = sandbox.fs();
  await files.mkdir("/srv/walk/deep");
  await files.write("/srv/walk/a", "one");
  await files.copy("/srv/walk/a", "/srv/walk/b");
  await files.rename("/srv/walk/b", "/srv/walk/deep/c");
  expect(await files.readToString("/srv/walk/deep/c")).toBe("one");
  expect((await files.list("/srv/walk")).map(({ path }) => path).toSorted()).toEqual([
    "/srv/walk/a",
    "/srv/walk/deep",
  ]);
  expect(await files.stat("/srv/walk/a")).toMatchObject({ kind: "file", size: 3 });
  expect([await files.exists("/srv/walk/a"), await files.exists("/none")]).toEqual([true, false]);
  const sink = await files.writeStream("/srv/walk/s");
  for (const piece of ["a", "bc", "d".repeat(2_000_000)]) await sink.write(piece);
  await sink.close();
  expect(await (await files.readStream("/srv/walk/s")).collect()).toHaveLength(2_000_003);
  writeFileSync(join(published.home, "up"), "from the host");
  await files.copyFromHost(join(published.home, "up"), "/srv/walk/up");
  await files.copyToHost("/srv/walk/up", join(published.home, "down"));
  expect(readFileSync(join(published.home, "down"), "utf8")).toBe("from the host");
  await files.remove("/srv/walk/a");
  await files.removeDir("/srv/walk");
  expect(await files.exists("/srv/walk")).toBe(false);
});

test("volumes: made, found, filled and emptied, and seen in the sandbox", async () => {
  const volume = await Volume.get("walked");
  expect((await Volume.list()).map(({ name }) => name)).toContain("walked");
  const files = volume.fs();
  await files.mkdir("/d");
  await files.write("/d/a", "kept");
  await files.copy("/d/a", "/d/b");
  await files.rename("/d/b", "/c");
  expect([await files.exists("/c"), await files.exists("/d/b")]).toEqual([true, false]);
  expect((await files.list("/d")).map(({ path }) => path)).toEqual(["/d/a"]);
  expect((await files.stat("/c")).size).toBe(4);
  const sink = await files.writeStream("/s");
  await sink.write("streamed");
  await sink.close();
  expect(text(await (await files.readStream("/s")).collect())).toBe("streamed");
  expect((await sandbox.shell("cat /mnt/data/d/a /mnt/data/s; stat -f -c %T /mnt/memory")).stdout()).toBe(
    "keptstreamedtmpfs\n",
  );
  await sandbox.shell("echo guest >/mnt/data/g");
  expect(await files.readToString("/g")).toBe("guest\n");
  // Whose a file is, and its mode, are as the sandbox set them, also for who looks at the volume.
  const owned = "cd /mnt/data; chown 1000:1001 g && chmod 640 g && stat -c '%u:%g %a' g";
  expect((await sandbox.shell(owned)).stdout()).toBe("1000:1001 640\n");
  expect((await files.stat("/g")).mode & 0o777).toBe(0o640);
  await files.remove("/c");
  await files.removeDir("/d");
  expect(await files.exists("/d")).toBe(false);
});

test("SSH by the client's own server: commands and SFTP", async () => {
  const ssh = await sandbox.ssh().openClient({ sftp: true });
  const said = await ssh.exec("echo over ssh; exit 5");
  expect([said.status, text(said.stdout)]).toEqual([5, "over ssh\n"]);
  const sftp = await ssh.sftp();
  await sftp.mkdir("/srv/sftp");
  await sftp.write("/srv/sftp/a", Buffer.from("by sftp"));
  await sftp.symlink("/srv/sftp/a", "/srv/sftp/link");
  expect(await sftp.readLink("/srv/sftp/link")).toBe("/srv/sftp/a");
  expect(await sftp.realPath("/srv/sftp/../sftp/link")).toBe("/srv/sftp/a");
  expect(text(await sftp.read("/srv/sftp/link"))).toBe("by sftp");
  await sftp.rename("/srv/sftp/a", "/srv/sftp/b");
  await sftp.removeFile("/srv/sftp/b");
  await sftp.removeFile("/srv/sftp/link");
  await sftp.removeDir("/srv/sftp");
  await sftp.close();
  await ssh.close();
});

test("logs are followed, and gone on with from a cursor", async () => {
  const stream = await sandbox.logStream({ follow: true, sources: ["stdout", "system"] });
  await sandbox.shell("echo to be logged");
  let cursor = "";
  for await (const entry of stream) {
    cursor = entry.cursor;
    if (entry.text() === "to be logged\n") break;
  }
  const rest = await sandbox.logStream({ follow: true, sources: ["stdout"], fromCursor: cursor });
  await sandbox.shell("echo and more");
  for await (const entry of rest) {
    expect(entry.text()).toBe("and more\n");
    break;
  }
});

test("found by lists, pages and names, and restarted", async () => {
  const page = await Sandbox.listWith((list) => list.limit(1).label("of", "the walk"));
  expect(page.sandboxes.map(({ name }) => name)).toEqual(["walked"]);
  expect((await Sandbox.list()).sandboxes.length).toBeGreaterThan(0);
  const handle = await Sandbox.get("walked");
  expect(handle.config()).toMatchObject({ name: "walked" });
  expect(await (await handle.refresh()).connectWithTimeout(60_000)).toMatchObject({ name: "walked" });
  const restarted = await sandbox.restart();
  expect((await restarted.shell("cat /mnt/data/s")).stdout()).toBe("streamed");
  expect(await restarted.waitForStatus("running")).toMatchObject({ status: "running" });
  expect(await Sandbox.builder("walked").image("base").connectOrCreate()).toMatchObject({ id: sandbox.id });
});

test("the command: copies, logs, volumes, inspection and SSH", async () => {
  writeFileSync(join(published.home, "copied"), "by msb");
  await msb("copy", join(published.home, "copied"), "walked:/srv/copied");
  await msb("copy", "walked:/srv/copied", join(published.home, "back"));
  expect(readFileSync(join(published.home, "back"), "utf8")).toBe("by msb");
  expect(await msb("volume", "ls")).toContain("walked");
  expect(await msb("inspect", "walked")).toContain("walked");
  expect(await msb("ps")).toContain("walked");
  expect(await msb("ssh", "walked", "--", "echo", "by msb ssh")).toContain("by msb ssh");
});

test("the client of this project sees the same sandbox, and runs commands in it", async () => {
  const own = new SandboxesClient();
  expect(await own.get("walked")).toMatchObject({ id: sandbox.id.replace("cloud:", ""), status: "running" });
  const script = ["sh", "-c", "echo $A; cat; echo no >&2; exit 6"];
  expect(await own.exec("walked", script, { stdin: "fed\n" })).toEqual({
    ...{ exitCode: 6, stdout: "b\nfed\n", stderr: "no\n" },
  });
  await expect(own.exec("walked", ["no-such-program"])).rejects.toMatchObject({ kind: "not_found" });
});

test("stopped, waited for, and destroyed", async () => {
  const handle = await Sandbox.get("walked");
  await handle.requestStop();
  expect(await handle.waitUntilStopped()).toMatchObject({ status: "stopped" });
  await handle.destroy();
  await expect(Sandbox.get("walked")).rejects.toThrow(/not found/i);
});
