/** Two VMs see one folder at once, and what they write to it outlives them. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm, Volume } from "fastvm";
import { runCli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";

const MIB = 1024 ** 2;
const run = promisify(execFile);

let shared: string;
let daemon: TestDaemon;
let client: FastvmClient;
let volume: Volume;
let vms: readonly Vm[];

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), "fastvm-e2e-mounts-"));
  daemon = await TestDaemon.start({ settings: { mountFolders: [shared] } });
  client = daemon.client;
  volume = await client.volumes.create({ name: "data", sizeGiB: 1 });
  const volumes = [{ volumeId: "data", mountPath: "/mnt/data" }];
  const launch = () => client.vms.launch({ machineType: "c1m2", volumes });
  vms = await Promise.all([launch(), launch()]);
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(shared, { recursive: true });
});

test("what one VM writes the other reads, and the host's own calls too", async () => {
  const [one, other] = vms as [Vm, Vm];
  expect(one.volumes).toMatchObject([{ volumeId: volume.id, mountStatus: "mounted" }]);
  await sh(client, one, "cd /mnt/data && mkdir in && echo from-one > in/text && ln -s in/text link");
  expect(await sh(client, other, "cat /mnt/data/link && echo more >> /mnt/data/in/text")).toBe("from-one");
  expect(await sh(client, one, "cat /mnt/data/in/text")).toBe("from-one\nmore");
  expect(await client.volumes.files.read(volume, "/in/text")).toBe("from-one\nmore\n");
  const listed = await runCli(["volume", "files", "ls", "data", "/"], daemon.environment);
  expect(listed.stdout).toContain("link -> in/text");
  expect((await client.volumes.get(volume)).mountedCount).toBe(2);
  await expect(client.volumes.delete(volume)).rejects.toMatchObject({ code: "volume_busy" });
});

test("a watch without a VM tells what a VM and the host's own calls do", async () => {
  const [one] = vms as [Vm, Vm];
  const watch = await client.volumes.files.watch(volume, "/", { recursive: true });
  const told: string[] = [];
  await sh(client, one, "cd /mnt/data && mkdir new && echo a >new/file && chmod 600 new/file");
  for await (const { type, path } of watch) {
    told.push(`${type} ${path}`);
    if (type === "create" && path === "/new/file")
      await client.volumes.files.remove(volume, "/new", { recursive: true });
    if (type === "remove" && path === "/new/file") break;
  }
  expect(told).toEqual(expect.arrayContaining(["create /new", "create /new/file", "remove /new/file"]));
  await expect(client.volumes.files.watch(volume, "/none")).rejects.toMatchObject({ code: "file_not_found" });
});

test("a watch at the command line ends with its folder", async () => {
  await client.volumes.files.makeDir(volume, "/watched");
  const told = new AbortController();
  const words = ["volume", "files", "watch", "data", "/watched"];
  const watching = runCli(words, daemon.environment, undefined, () => told.abort());
  const written: string[] = [];
  while (!told.signal.aborted) {
    written.push(`create /watched/${written.length}`);
    await client.volumes.files.write(volume, `/watched/${written.length - 1}`, "text");
    await sleep(1_000);
  }
  await client.volumes.files.remove(volume, "/watched", { recursive: true });
  const { exitCode, stdout } = await watching;
  expect(exitCode).toBe(1);
  expect(written).toContain(stdout.split("\n")[0]);
});

test("the command makes one, shows who has it and what it holds, lets it grow, and takes it away", async () => {
  const [one] = vms as [Vm, Vm];
  const type = (...words: readonly string[]) => runCli(words, daemon.environment);
  const fastvm = async (...words: readonly string[]) => {
    const { exitCode, stdout, stderr } = await type(...words);
    expect([words, exitCode, stderr]).toEqual([words, 0, ""]);
    return stdout.trim().replaceAll(/ {2,}/g, "  ");
  };
  const text = join(shared, "text");
  await writeFile(text, "by hand");
  const id = await fastvm("volume", "create", "grown", "--size", "1", "-q");
  await fastvm("volume", "cp", text, "grown:/text");
  await fastvm("volume", "attach", one.id, "grown:/mnt/grown");
  const options = ["-v", "grown:/mnt/grown:ro", "--tmpfs", "/mnt/tmp:8"];
  const reader = await fastvm("launch", "--no-console", "-q", "-m", "c1m2", ...options);
  const look =
    "cat /mnt/grown/text; touch /mnt/grown/no 2>&1 | grep -o 'Read-only'; df --output=size -m /mnt/tmp | tail -1";
  expect(await sh(client, { id: reader }, look)).toMatch(/^by handRead-only\n +8$/);
  expect(await sh(client, one, "head -c 20m /dev/zero >/mnt/grown/large && sync /mnt/grown/large")).toBe("");
  const listed = await fastvm("volume", "ls");
  expect(listed).toMatch(/^ID +NAME +KIND +USED +SIZE +ACCESS +VMS +STATUS/);
  expect(listed).toMatch(/ grown {2}directory {2}0\.0\d+ GiB {2}1 GiB {2}rw {2}2 {2}ready/);
  const shown = await fastvm("volume", "get", "grown");
  expect(shown).toContain(`${one.id}  /mnt/grown  rw  mounted`);
  expect(shown).toContain(`${reader}  /mnt/grown  ro  mounted`);
  const busy = await type("volume", "rm", "-y", "grown");
  expect([busy.exitCode, busy.stderr]).toEqual([1, expect.stringContaining("409: The volume is in use")]);
  const df = async () => Number(await sh(client, one, "df --output=size -m /mnt/grown | tail -1"));
  const before = await df();
  await fastvm("volume", "resize", "grown", "2");
  expect((await df()) - before).toBeGreaterThan(900);
  await fastvm("volume", "cp", "grown:/text", `${text}.back`);
  expect(await readFile(`${text}.back`, "utf8")).toBe("by hand");
  await fastvm("volume", "detach", one.id, "grown");
  await client.vms.delete(reader);
  expect(await fastvm("volume", "rm", "-y", "grown")).toBe(id);
});

test("a pause and a resume bring it back, and a child that only reads does not write", async () => {
  const [one] = vms as [Vm, Vm];
  await client.vms.pause(one);
  expect((await client.vms.resume(one)).volumes).toMatchObject([{ mountStatus: "mounted" }]);
  expect(await sh(client, one, "cat /mnt/data/in/text")).toBe("from-one\nmore");
  const { children } = await client.vms.fork(one, { volumes: "read-only" });
  const child = children[0]?.vm;
  if (child === undefined) throw new Error("the fork has no child");
  expect(
    await sh(client, child, "cat /mnt/data/in/text; touch /mnt/data/no 2>&1 | grep -c 'Read-only'"),
  ).toBe("from-one\nmore\n1");
  await client.vms.delete(child);
});

test("what VMs ask of it is counted, by volume and VM", async () => {
  const [one] = vms as [Vm, Vm];
  const count = async (series: string) => {
    const labels = `volume="${volume.id}",vm="${one.id}"`;
    const line = (await daemon.metrics()).split("\n").find((text) => text.startsWith(`${series}{${labels}`));
    return Number(line?.split(" ").at(-1));
  };
  const before = await count("fastvm_volume_bytes_total");
  await sh(client, one, "echo 3 >/proc/sys/vm/drop_caches; cat /mnt/data/in/text");
  expect(await count("fastvm_volume_bytes_total")).toBe(before + "from-one\nmore\n".length);
  expect(await count("fastvm_volume_requests_total")).toBeGreaterThan(0);
  expect(await count("fastvm_volume_seconds_total")).toBeGreaterThan(0);
});

test("two VMs that fill it pass its size by no block, and df says so in both", async () => {
  const [one, other] = vms as [Vm, Vm];
  const df = (vm: Vm) => sh(client, vm, "df --output=size,avail -k /mnt/data | tail -1 | tr -s ' '");
  expect(await df(one)).toBe(await df(other));
  // All but a little goes at once; for what is left both write.
  await sh(
    client,
    one,
    "fallocate -l $(( ($(df --output=avail -k /mnt/data | tail -1) - 4096) * 1024 )) /mnt/data/most",
  );
  const fill = (vm: Vm, name: string) =>
    sh(
      client,
      vm,
      `f=/mnt/data/${name}; dd if=/dev/zero of=$f bs=4k count=2048 2>&1 | grep -o 'No space left'; ` +
        "sync $f; du -k $f | cut -f1",
    );
  const [said, saidToo] = await Promise.all([fill(one, "a"), fill(other, "b")]);
  const written = [said, saidToo].map((text) => {
    const [refusal, kib] = text.split("\n");
    expect(refusal).toBe("No space left");
    return Number(kib);
  });
  expect((written[0] ?? 0) + (written[1] ?? 0)).toBeLessThanOrEqual(4096);
  expect((await df(one)).split(" ").at(-1)).toBe("0");
  // Each what it has made: another VM that knows of a file keeps its blocks until it forgets it.
  await sh(client, one, "rm /mnt/data/most /mnt/data/a");
  await sh(client, other, "rm /mnt/data/b; echo goes-on >/mnt/data/c && rm /mnt/data/c");
});

test("a child that copies has what was there, and writes to its own", async () => {
  const [, other] = vms as [Vm, Vm];
  await sh(client, other, "echo before >/mnt/data/copied");
  const { children } = await client.vms.fork(other, { volumes: "copy" });
  const child = children[0]?.vm;
  const own = child?.volumes?.find(({ mountPath }) => mountPath === "/mnt/data");
  if (child === undefined || own === undefined) throw new Error("the fork has no child with a volume");
  expect(await sh(client, child, "cat /mnt/data/copied; echo child >/mnt/data/copied")).toBe("before");
  expect(await sh(client, other, "cat /mnt/data/copied")).toBe("before");
  await client.vms.delete(child.id);
  expect(await client.volumes.files.read(own.volumeId, "/copied")).toBe("child\n");
  await client.volumes.delete(own.volumeId);
});

test("it is not taken from a VM that uses it, but by force; then it goes", async () => {
  const [one, other] = vms as [Vm, Vm];
  await sh(client, one, "cd /mnt/data && (sleep 600 >/dev/null 2>&1 &)");
  await expect(client.vms.volumes.detach(one, volume)).rejects.toMatchObject({ code: "guest_umount_busy" });
  expect((await client.vms.volumes.detach(one, volume, { force: true })).detached).toBe(true);
  expect(await sh(client, one, "ls -A /mnt/data")).toBe("");
  await client.vms.delete(other);
  await client.volumes.delete(volume);
  expect(await client.volumes.list()).toEqual([]);
});

test("files in memory have a size, run nothing, and live in a paused VM", async () => {
  const [one] = vms as [Vm, Vm];
  const mount = { mountPath: "/mnt/tmp", tmpfs: { sizeMiB: 8 }, noexec: true };
  const { volumeId } = await client.vms.volumes.attach(one, mount);
  const full = "cd /mnt/tmp; dd if=/dev/zero of=f bs=1M count=9 2>&1 | grep -o 'No space left'; stat -c %s f";
  expect(await sh(client, one, full)).toBe(`No space left\n${8 * MIB}`);
  const attempt = "cd /mnt/tmp; printf '#!/bin/sh\\n' >f; chmod +x f; ./f 2>&1 | grep -o 'Permission denied'";
  expect(await sh(client, one, attempt)).toBe("Permission denied");
  await client.vms.pause(one);
  const { volumes = [] } = await client.vms.resume(one);
  expect(volumes).toMatchObject([{ ...mount, mountStatus: "mounted" }]);
  expect(await sh(client, one, "cat /mnt/tmp/f; findmnt -no FSTYPE /mnt/tmp")).toBe("#!/bin/sh\ntmpfs");
  await client.vms.volumes.detach(one, volumeId);
  expect(await sh(client, one, "ls -A /mnt/tmp")).toBe("");
});

test("a folder and a file of the host are mounted where the operator allows it, with a quota, and to read only", async () => {
  const [one] = vms as [Vm, Vm];
  await mkdir(join(shared, "folder"));
  await writeFile(join(shared, "folder/of-host"), "seen");
  await writeFile(join(shared, "file"), "one file");
  const host = { path: join(shared, "folder"), quotaMiB: 2 };
  const attach = (mountPath: string, more: object) =>
    client.vms.volumes.attach(one, { mountPath, host: { path: shared }, ...more });
  const { volumeId } = await attach("/mnt/host", { host });
  const write =
    "cd /mnt/host; cat of-host; echo x >own; chown 12:34 own; chmod 4750 own; stat -c '%u %g %a' own";
  expect(await sh(client, one, write)).toBe("seen12 34 4750");
  const own = await stat(join(shared, "folder/own"));
  expect([own.uid === 12, own.mode & 0o7777]).toEqual([false, 0o600]);
  // The byte that is too many, and none before it: the two of `own` count.
  const most = 2 * MIB - 2;
  const fill =
    `cd /mnt/host; head -c ${most} /dev/zero >large; echo $?; ` +
    "head -c 1 /dev/zero 2>&1 >>large | grep -o 'No space left'; stat -c %s large";
  expect(await sh(client, one, fill)).toBe(`0\nNo space left\n${most}`);
  await client.vms.volumes.detach(one, volumeId);
  const read = await attach("/mnt/read", { host, readOnly: true, noexec: true, nosuid: true, nodev: true });
  const options = (await sh(client, one, "findmnt -no OPTIONS /mnt/read")).split(",");
  expect(options).toEqual(expect.arrayContaining(["ro", "noexec", "nosuid", "nodev"]));
  expect(await sh(client, one, "cat /mnt/read/of-host; touch /mnt/read/no 2>&1 | grep -o 'Read-only'")).toBe(
    "seenRead-only",
  );
  await client.vms.volumes.detach(one, read.volumeId);
  const file = { path: join(shared, "file"), statVirtualization: "off" as const };
  const single = await attach("/mnt/deep/file", { host: file });
  await sh(client, one, "cat /mnt/deep/file | grep -q 'one file' && echo changed >/mnt/deep/file");
  expect(await readFile(join(shared, "file"), "utf8")).toBe("changed\n");
  await client.vms.volumes.detach(one, single.volumeId);
  await expect(attach("/mnt/no", { host: { path: "/etc" } })).rejects.toMatchObject({ code: "conflict" });
});

test("a folder of the host is full before the host's disk is, and goes on when there is room", async () => {
  const [one] = vms as [Vm, Vm];
  const path = join(shared, "small");
  await mkdir(path);
  await run("mount", ["-t", "tmpfs", "-o", "size=32m,mode=0755", "tmpfs", path]);
  try {
    await writeFile(join(path, "of-host"), Buffer.alloc(4 * MIB));
    const { volumeId } = await client.vms.volumes.attach(one, { mountPath: "/mnt/small", host: { path } });
    const fill = "cd /mnt/small; dd if=/dev/zero of=large bs=64k 2>&1 | grep -o 'No space left'";
    expect(await sh(client, one, fill)).toBe("No space left");
    const { bavail, bsize } = await statfs(path);
    expect(bavail * bsize).toBeGreaterThanOrEqual((32 * MIB) / 20);
    expect(bavail * bsize).toBeLessThan((32 * MIB) / 20 + MIB);
    await rm(join(path, "of-host"));
    expect(await sh(client, one, "cd /mnt/small; head -c 1000000 /dev/zero >more && stat -c %s more")).toBe(
      "1000000",
    );
    await client.vms.volumes.detach(one, volumeId);
  } finally {
    await run("umount", ["-l", path]);
  }
});

test("a disk is one VM's alone, and what is written to it lives through a pause", async () => {
  const [one] = vms as [Vm, Vm];
  const disk = await client.volumes.create({ name: "disk", sizeGiB: 1, kind: "disk" });
  await client.vms.volumes.attach(one, { volumeId: "disk", mountPath: "/mnt/disk" });
  expect(await sh(client, one, "findmnt -no FSTYPE /mnt/disk; echo kept >/mnt/disk/file")).toBe("ext4");
  await client.vms.pause(one);
  expect((await client.vms.resume(one)).volumes).toMatchObject([{ mountStatus: "mounted" }]);
  await sh(client, one, "cat /mnt/disk/file && echo more >>/mnt/disk/file && sync");
  await expect(client.volumes.delete(disk)).rejects.toMatchObject({ code: "volume_busy" });
  await client.vms.volumes.detach(one, disk);
  expect(await sh(client, one, "ls -A /mnt/disk; ls /dev/vd*")).toBe("/dev/vda");
  await client.vms.volumes.attach(one, { volumeId: "disk", mountPath: "/mnt/again", readOnly: true });
  expect(await sh(client, one, "cat /mnt/again/file; touch /mnt/again/x 2>&1 | grep -o 'Read-only'")).toBe(
    "kept\nmore\nRead-only",
  );
  await client.vms.volumes.detach(one, disk);
  await client.volumes.delete(disk);
});

test.each(["raw", "qcow2", "vmdk"] as const)("a %s disk image is a VM's own copy", async (format) => {
  const [one] = vms as [Vm, Vm];
  const path = join(shared, `disk.${format}`);
  await run("truncate", ["-s", "64M", path]);
  await run("mkfs.ext4", ["-q", path]);
  if (format !== "raw") {
    // Of the kind that QEMU does not write.
    const options = format === "vmdk" ? ["-o", "subformat=streamOptimized"] : [];
    await run("qemu-img", ["convert", "-f", "raw", "-O", format, ...options, path, `${path}.new`]);
    await run("mv", [`${path}.new`, path]);
  }
  const before = await readFile(path);
  const { volumeId } = await client.vms.volumes.attach(one, { mountPath: "/mnt/image", image: { path } });
  expect(await sh(client, one, "echo own >/mnt/image/file && sync && cat /mnt/image/file")).toBe("own");
  await client.vms.volumes.detach(one, volumeId);
  expect((await readFile(path)).equals(before)).toBe(true);
  const image = { path, fstype: "vfat" };
  await expect(client.vms.volumes.attach(one, { mountPath: "/mnt/image", image })).rejects.toThrow(
    /cannot mount it/,
  );
  const typed = { mountPath: "/mnt/image", image: { path, fstype: "ext4" } };
  await client.vms.volumes.detach(one, (await client.vms.volumes.attach(one, typed)).volumeId);
  const mount = { mountPath: "/mnt/image", image: { path }, readOnly: true };
  const read = await client.vms.volumes.attach(one, mount);
  expect(await sh(client, one, "cd /mnt/image; ls; touch no 2>&1 | grep -o 'Read-only'")).toBe(
    "lost+found\nRead-only",
  );
  await client.vms.volumes.detach(one, read.volumeId);
});
