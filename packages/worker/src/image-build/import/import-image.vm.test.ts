/** Images of folders and of disks: what comes out is what was in them, and nothing else of the host is read or written. */
import { execFile } from "node:child_process";
import {
  chmod,
  copyFile,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DiskFormat, HeldImage } from "@fastvm/contract";
import { inGuest, TestContext } from "../../testing/test-context.ts";
import { ROOT } from "../../testing/test-worker.ts";
import { importImage } from "./import-image.ts";

const run = promisify(execFile);
const LISTING = fileURLToPath(new URL("../../testing/tree-listing.py", import.meta.url));
const MIB = 1024 ** 2;
const SECTOR = 512;
const FIRST_SECTOR = 2048;
const LINUX = 0x83;
const EXTENDED = 0x05;

let folder: string;
let allowed: string;
let tree: string;
let host: TestContext;

beforeAll(async () => {
  await mkdir(ROOT, { recursive: true });
  folder = await mkdtemp(join(ROOT, "import-"));
  allowed = join(folder, "allowed");
  tree = join(allowed, "tree");
  for (const name of ["etc", "usr/bin", "dev", "var/empty"])
    await mkdir(join(tree, name), { recursive: true });
  await writeFile(join(tree, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await writeFile(join(tree, "usr/bin/su"), "su");
  await chmod(join(tree, "usr/bin/su"), 0o4755);
  await link(join(tree, "usr/bin/su"), join(tree, "usr/bin/again"));
  await symlink("/etc/shadow", join(tree, "etc/shadow"));
  await symlink("usr/bin", join(tree, "bin"));
  await run("setfattr", ["-n", "user.note", "-v", "kept", join(tree, "etc/passwd")]).catch(() =>
    run("python3", ["-c", `import os; os.setxattr("${join(tree, "etc/passwd")}", "user.note", b"kept")`]),
  );
  await run("mknod", [join(tree, "dev/null"), "c", "1", "3"]);
  await run("mkfifo", [join(tree, "dev/pipe")]);
  await run("chown", ["1000:1001", join(tree, "var/empty")]);
  await run("find", [tree, "-exec", "touch", "--no-dereference", "--date=2024-02-03 04:05:06", "{}", "+"]);
  host = await TestContext.open({ importFolders: [allowed] });
});

afterAll(async () => {
  for (const { reference } of await host.context.images.list())
    if (reference.startsWith("localhost/imported")) await host.context.images.remove(reference);
  await host[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function listing(root: string): Promise<readonly string[]> {
  return (await run("python3", [LISTING, root])).stdout.trim().split("\n");
}

/** What is in the image's only layer, which we have made ourselves. */
async function contentOf(image: HeldImage): Promise<readonly string[]> {
  const unpacked = await mkdtemp(join(folder, "unpacked-"));
  await host.context.images.use(image.digest, async ([layer]) => {
    const args = ["--extract", "--file", layer?.path ?? "", "--numeric-owner", "--preserve-permissions"];
    await run("tar", [...args, "--xattrs", "--xattrs-include=*", "--directory", unpacked]);
  });
  return await listing(unpacked);
}

const importing = (path: string, format: "folder" | DiskFormat): Promise<HeldImage> =>
  importImage(host.context, { path, format, name: `localhost/imported:${format}` });

/** A table of one partition each, at sectors of the disk. */
const partition = (type: number, first: number, sectors: number): Buffer => {
  const table = Buffer.alloc(SECTOR);
  table.writeUInt8(type, 446 + 4);
  table.writeUInt32LE(first, 446 + 8);
  table.writeUInt32LE(sectors, 446 + 12);
  table.writeUInt16BE(0x55aa, 510);
  return table;
};

test("a folder becomes an image of what is in it, with owners, modes, times, links and attributes", async () => {
  // mke2fs, below, knows whole seconds alone.
  await run("touch", ["--date=2024-02-03 04:05:06.123456789", join(tree, "usr/bin/su")]);
  const image = await importing(tree, "folder");
  expect(image.reference).toBe("localhost/imported:folder");
  expect(await contentOf(image)).toEqual(await listing(tree));
  // The same folder is the same image.
  expect((await importing(tree, "folder")).digest).toBe(image.digest);
  await run("touch", ["--date=2024-02-03 04:05:06", join(tree, "usr/bin/su")]);
});

test("what lies elsewhere, whatever leads there, and what is no folder or disk is refused", async () => {
  await symlink("/etc", join(allowed, "elsewhere"));
  await run("mkfifo", [join(allowed, "pipe")]);
  for (const path of [
    "/etc",
    `${allowed}/../..`,
    join(allowed, "elsewhere"),
    join(tree, "etc/shadow"),
    `${allowed}-not`,
  ])
    await expect(importing(path, "folder")).rejects.toMatchObject({ code: "invalid_request", field: "path" });
  await expect(importing("/etc/shadow", "raw")).rejects.toMatchObject({
    code: "invalid_request",
    field: "path",
  });
  await expect(importing(join(allowed, "pipe"), "raw")).rejects.toMatchObject({ code: "invalid_request" });
  await expect(importing(tree, "raw")).rejects.toMatchObject({ code: "invalid_request", field: "format" });
});

test("disks become images of their root; hostile ones are refused, touch nothing, and other VMs run on", async () => {
  const before = await Promise.all(["/", "/etc", "/dev", allowed].map((path) => readdir(path)));
  const neighbour = await host.launch();
  const raw = join(allowed, "disk.raw");
  await writeFile(join(tree, "etc/fstab"), "/dev/sda1 / ext4 defaults 0 1\n");
  const expected = (await listing(tree)).filter((line) => !line.includes('"name": "etc/fstab"'));
  const inPartition = join(folder, "partition.raw");
  await run("mke2fs", ["-q", "-t", "ext4", "-d", tree, inPartition, "24M"]);
  await run("dd", [`if=${inPartition}`, `of=${raw}`, `seek=${FIRST_SECTOR}`, `bs=${SECTOR}`, "conv=sparse"]);
  {
    await using file = await open(raw, "r+");
    await file.write(partition(LINUX, FIRST_SECTOR, (24 * MIB) / SECTOR), 0, SECTOR, 0);
  }
  await rm(join(tree, "etc/fstab"));
  await run("touch", ["--date=2024-02-03 04:05:06", join(tree, "etc")]);
  const compressed = join(allowed, "disk.qcow2");
  await run("qemu-img", ["convert", "-c", "-f", "raw", "-O", "qcow2", raw, compressed]);
  const streamed = join(allowed, "disk.vmdk");
  const vmdk = ["-O", "vmdk", "-o", "subformat=streamOptimized"];
  await run("qemu-img", ["convert", "-f", "raw", ...vmdk, raw, streamed]);
  for (const [path, format] of [
    [raw, "raw"],
    [compressed, "qcow2"],
    [streamed, "vmdk"],
  ] as const) {
    const content = await contentOf(await importing(path, format));
    expect(content.filter((line) => !line.includes('"name": "etc"'))).toEqual(
      expected.filter((line) => !line.includes('"name": "etc"')),
    );
  }

  const endless = join(allowed, "endless.raw");
  await copyFile(raw, endless);
  {
    await using file = await open(endless, "r+");
    await file.write(partition(EXTENDED, FIRST_SECTOR, 10_000), 0, SECTOR, 0);
    // It leads to itself.
    await file.write(partition(EXTENDED, 0, 10_000), 0, SECTOR, FIRST_SECTOR * SECTOR);
  }
  const backed = join(allowed, "backed.qcow2");
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", "/etc/shadow", "-F", "raw", backed, "10M"]);
  for (const [path, format, reason] of [
    [endless, "raw", /no file system in it has a root/],
    [backed, "qcow2", /backing file/],
    [backed, "vmdk", /no vmdk/],
    [raw, "qcow2", /no qcow2/],
  ] as const)
    await expect(importing(path, format)).rejects.toMatchObject({
      code: "image_invalid",
      message: expect.stringMatching(reason) as string,
    });

  expect(await inGuest(neighbour, "echo runs")).toBe("runs");
  for (const name of ["disk.raw", "disk.qcow2", "disk.vmdk", "endless.raw", "backed.qcow2"]) {
    // Nobody but its owner may read it, and nobody was made that.
    expect((await lstat(join(allowed, name))).uid).toBe(0);
    await rm(join(allowed, name));
  }
  expect(await Promise.all(["/", "/etc", "/dev", allowed].map((path) => readdir(path)))).toEqual(before);
  expect(await readdir(join(host.context.config.dataDir, "templating")).catch(() => [])).toEqual([]);
  expect(host.errors).toEqual([]);
});
