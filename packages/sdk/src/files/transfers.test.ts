import { execFile } from "node:child_process";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { APIUserAbortError, FastvmClient, FileTransferError } from "../index.ts";
import type { TransferProgress } from "../index.ts";
import { makeEveryKind, manifestOf } from "../testing/folder-manifest.ts";
import { LocalVm } from "../testing/local-vm.ts";
import { VM } from "../testing/wire-server.ts";
import { unpackOptions } from "./tar-flavor.ts";
import { unpackInto } from "./tar-process.ts";

/** To presign, fetch and exec at once. */
const ANSWERS = { maxUploadBytes: 2 ** 40, exitCode: 0, stdout: "file", stderr: "", timedOut: false };

const RULES = unpackOptions({ flavor: "gnu", isRoot: process.getuid?.() === 0, joinsFolder: true });

let vm: LocalVm;
let client: FastvmClient;
let folder: string;

beforeEach(async () => {
  vm = await LocalVm.start();
  client = new FastvmClient({ apiKey: "k", baseUrl: vm.url });
  folder = await mkdtemp(join(tmpdir(), "fastvm-transfer-"));
});

afterEach(async () => {
  await vm[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const local = (...names: string[]): string => join(folder, "local", ...names);
/** What stands for the VM's side; its name needs quoting. */
const remote = (...names: string[]): string => join(folder, "it's a $(remote) [side]", ...names);

async function makeTree(): Promise<void> {
  await mkdir(local("tree/empty"), { recursive: true });
  await mkdir(local("tree/ünï/deep"), { recursive: true });
  await writeFile(local("tree/ünï/deep/naïve file.txt"), "héllo\n");
  await writeFile(local("tree/zero"), "");
  await writeFile(local("tree/run.sh"), "#!/bin/sh\n");
  await chmod(local("tree/run.sh"), 0o751);
  await symlink("run.sh", local("tree/link"));
}

async function expectTree(root: string): Promise<void> {
  const names = await readdir(root, { recursive: true });
  const expected = ["empty", "link", "run.sh", "zero", "ünï", "ünï/deep", "ünï/deep/naïve file.txt"];
  expect(names.toSorted()).toEqual(expected.toSorted());
  expect(await readFile(join(root, "ünï/deep/naïve file.txt"), "utf8")).toBe("héllo\n");
  expect((await stat(join(root, "run.sh"))).mode & 0o777).toBe(0o751);
  expect(await readlink(join(root, "link"))).toBe("run.sh");
}

describe("files", () => {
  beforeEach(async () => {
    await mkdir(local(), { recursive: true });
    await mkdir(remote(), { recursive: true });
  });

  it("come back as they went, with progress and without the API key", async () => {
    const bytes = Buffer.from(Array.from({ length: 700_001 }, (_, index) => (index * 31) % 256));
    await writeFile(local("a"), bytes);
    const seen: TransferProgress[] = [];
    await client.upload(VM, local("a"), remote("b"), { onProgress: (progress) => seen.push(progress) });
    expect((await readFile(remote("b"))).equals(bytes)).toBe(true);
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toEqual({ transferredBytes: bytes.length, totalBytes: bytes.length });
    await client.download(VM, remote("b"), local("made/on/the/way"));
    expect((await readFile(local("made/on/the/way"))).equals(bytes)).toBe(true);
    for (const { headers } of vm.stagingRequests) expect(headers["x-api-key"]).toBeUndefined();
    expect(vm.stagingRequests[0]?.headers["content-length"]).toBe(String(bytes.length));
  });

  it("may be empty, and replace what is there", async () => {
    await writeFile(local("empty"), "");
    await writeFile(remote("old"), "old and longer");
    await client.upload(VM, local("empty"), remote("old"));
    expect(await readFile(remote("old"), "utf8")).toBe("");
    await writeFile(local("back"), "x");
    await client.download(VM, remote("old"), local("back"));
    expect(await readFile(local("back"), "utf8")).toBe("");
  });

  it("that are missing are ENOENT, in both directions, and leave nothing behind", async () => {
    await expect(client.upload(VM, local("nope"), remote("x"))).rejects.toMatchObject({ code: "ENOENT" });
    const missing = client.download(VM, remote("nope"), local("x"));
    await expect(missing).rejects.toBeInstanceOf(FileTransferError);
    await expect(missing).rejects.toMatchObject({ code: "ENOENT" });
    expect(await readdir(local())).toEqual([]);
    expect(vm.stagingRequests).toEqual([]);
  });

  it("larger than the VM's disk are not sent", async () => {
    vm.maxUploadBytes = 3;
    await writeFile(local("big"), "four");
    await expect(client.upload(VM, local("big"), remote("big"))).rejects.toThrow("4 bytes");
    expect(vm.stagingRequests).toEqual([]);
  });

  it("that the VM cannot write are an error with its reason", async () => {
    await writeFile(local("a"), "x");
    await expect(client.upload(VM, local("a"), remote("no/such/folder/a"))).rejects.toThrow("ENOENT");
  });

  it("that the staging endpoint refuses are an error with its words", async () => {
    await writeFile(local("a"), "x");
    await writeFile(remote("a"), "x");
    vm.stagingStatus = 507;
    await expect(client.upload(VM, local("a"), remote("b"))).rejects.toThrow("(507): no space");
    await expect(client.download(VM, remote("a"), local("b"))).rejects.toThrow("507");
    expect(await readdir(local())).toEqual(["a"]);
  });

  it("keep permissions, time and holes, and no set-id bit", async () => {
    await writeFile(local("secret"), "x");
    await chmod(local("secret"), 0o4741);
    await utimes(local("secret"), "1712345678.123456", "1712345678.123456");
    await writeFile(local("holes"), "begins");
    await truncate(local("holes"), 2 ** 30);
    await chmod(local("holes"), 0o640);
    await utimes(local("holes"), "1612345678.654321", "1612345678.654321");
    for (const name of ["secret", "holes"]) {
      await client.upload(VM, local(name), remote(name));
      await client.download(VM, remote(name), local(`${name} back`));
    }
    for (const path of [remote("secret"), local("secret back")]) {
      expect(await kept(path)).toEqual({ mode: 0o741, time: "1712345678.123456", blocks: 8n });
    }
    for (const path of [remote("holes"), local("holes back")]) {
      expect(await kept(path)).toEqual({ mode: 0o640, time: "1612345678.654321", blocks: 8n });
      expect((await stat(path)).size).toBe(2 ** 30);
    }
    for (const object of vm.objects.values()) expect(object.length).toBeLessThan(2 ** 16);
    expect([...(await readdir(local())), ...(await readdir(remote()))].toSorted()).toEqual(
      ["holes", "holes", "holes back", "secret", "secret", "secret back"].toSorted(),
    );
  });

  it("may have names as long as names can be, and begin with a dash", async () => {
    const long = `-${"文".repeat(84)}-`;
    await writeFile(local(long), "dense");
    await writeFile(local("--help"), "x");
    await truncate(local("--help"), 2 ** 20);
    for (const name of [long, "--help"]) {
      await client.upload(VM, local(name), remote(name));
      await client.download(VM, remote(name), local("back", name));
      expect(await readFile(local("back", name))).toEqual(await readFile(local(name)));
    }
  });

  it("of /proc come with what reading them gives, whatever size they say", async () => {
    await client.download(VM, "/proc/version", local("version"));
    expect(await readFile(local("version"), "utf8")).toBe(await readFile("/proc/version", "utf8"));
    await client.upload(VM, "/proc/version", remote("version"));
    expect(await readFile(remote("version"), "utf8")).toBe(await readFile("/proc/version", "utf8"));
  });

  it("that are links are followed", async () => {
    await writeFile(local("dense"), "dense");
    await writeFile(local("holes"), "x");
    await truncate(local("holes"), 2 ** 20);
    for (const name of ["dense", "holes"]) {
      await symlink(name, local(`to ${name}`));
      await client.upload(VM, local(`to ${name}`), remote(name));
      await symlink(name, remote(`to ${name}`));
      await client.download(VM, remote(`to ${name}`), local("back", name));
      expect(await readFile(local("back", name))).toEqual(await readFile(local(name)));
      expect((await lstat(local("back", name))).isFile()).toBe(true);
    }
  });

  it("that are pipes are refused, here and there, instead of waited for", async () => {
    await promisify(execFile)("mkfifo", [local("pipe"), remote("pipe")]);
    await expect(client.upload(VM, local("pipe"), remote("x"))).rejects.toThrow(
      "neither a file nor a folder",
    );
    await expect(client.download(VM, remote("pipe"), local("x"))).rejects.toThrow("neither");
    expect(vm.stagingRequests).toEqual([]);
  });

  it("stop when the caller aborts", async () => {
    await writeFile(local("a"), "x");
    const signal = AbortSignal.abort();
    await expect(client.upload(VM, local("a"), remote("a"), { signal })).rejects.toBeInstanceOf(
      APIUserAbortError,
    );
  });
});

describe("memory", () => {
  it("does not grow with what is sent and fetched", async () => {
    const size = 256 * 2 ** 20;
    await mkdir(local(), { recursive: true });
    await writeFile(local("big"), Buffer.alloc(size));
    let receivedBytes = 0;
    const sink = createServer((request, response) => {
      const url = `http://${request.headers.host}/object`;
      request.on("data", (chunk: Buffer) => (receivedBytes += request.method === "PUT" ? chunk.length : 0));
      request.on("end", () => {
        if (request.method === "GET") createReadStream(local("big")).pipe(response);
        else response.end(JSON.stringify({ ...ANSWERS, uploadUrl: url, downloadUrl: url }));
      });
    });
    sink.listen(0, "127.0.0.1");
    await once(sink, "listening");
    const address = sink.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const own = new FastvmClient({ apiKey: "k", baseUrl: `http://127.0.0.1:${port}` });
    let peakBytes = 0;
    const onProgress = (): void => void (peakBytes = Math.max(peakBytes, process.memoryUsage().arrayBuffers));
    const before = process.memoryUsage().arrayBuffers;
    await own.upload(VM, local("big"), "/big", { onProgress });
    await own.download(VM, "/big", local("back"), { onProgress });
    sink.close();
    expect(receivedBytes).toBe(size);
    expect((await stat(local("back"))).size).toBe(size);
    expect(peakBytes - before).toBeLessThan(size / 2);
  });
});

describe("folders", () => {
  it("keep empty folders, names, modes and links, both ways, twenty times over", async () => {
    await makeTree();
    // An upload that waits for a tar which is already gone would hang now and then, not each time.
    for (let round = 0; round < 20; round += 1) await client.upload(VM, local("tree"), remote("tree"));
    await expectTree(remote("tree"));
    await client.download(VM, remote("tree"), local("back"));
    await expectTree(local("back"));
  });

  it("of many bytes warn of nothing", async () => {
    await mkdir(remote("many"), { recursive: true });
    // More than the pipe to tar takes at once, again and again.
    const bytes = randomBytes(2 ** 18);
    const names = Array.from({ length: 200 }, (_, index) => String(index));
    await Promise.all(names.map((name) => writeFile(remote("many", name), bytes)));
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on("warning", onWarning);
    await client.download(VM, remote("many"), local("back"));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
    expect((await readdir(local("back"))).length).toBe(200);
  });

  it("come back equal, with all that lstat, attributes and holes tell", async () => {
    await makeEveryKind(local("kinds"));
    const made = await manifestOf(local("kinds"));
    expect(made.length).toBeGreaterThan(15);
    await client.upload(VM, local("kinds"), remote("kinds"));
    expect(await manifestOf(remote("kinds"))).toEqual(made);
    await client.download(VM, remote("kinds"), local("back"));
    expect(await manifestOf(local("back"))).toEqual(made);
  });

  it("leave those that they join what they are, and make new ones as they were", async () => {
    await mkdir(local("tree/sub"), { recursive: true });
    await chmod(local("tree"), 0o700);
    await chmod(local("tree/sub"), 0o750);
    await mkdir(remote(), { recursive: true });
    await mkdir(local("back"));
    for (const path of [remote(), local("back")]) await chmod(path, 0o1777);
    await client.upload(VM, local("tree"), remote());
    await client.download(VM, remote(), local("back"));
    await client.download(VM, remote(), local("new"));
    for (const path of [remote(), local("back"), local("new")]) {
      expect((await stat(path)).mode & 0o7777).toBe(0o1777);
      expect((await stat(join(path, "sub"))).mode & 0o7777).toBe(0o750);
    }
  });

  it("join what is there", async () => {
    await makeTree();
    await mkdir(remote("tree"), { recursive: true });
    await writeFile(remote("tree/other"), "stays");
    await client.upload(VM, local("tree"), remote("tree"));
    expect(await readFile(remote("tree/other"), "utf8")).toBe("stays");
  });

  it("that cannot be unpacked are an error, here and there", async () => {
    await makeTree();
    await mkdir(remote(), { recursive: true });
    await writeFile(remote("file"), "in the way");
    await expect(client.upload(VM, local("tree"), remote("file"))).rejects.toBeInstanceOf(FileTransferError);
    await writeFile(local("file"), "in the way");
    await mkdir(remote("folder"));
    await expect(client.download(VM, remote("folder"), local("file"))).rejects.toThrow();
  });

  it.each([
    ["a path with `..`", ["../evil"]],
    ["an absolute path", ["$PWD/evil"]],
    ["a path through a link that leads outside", ["link", "--transform=s,^evil,link/evil,", "evil"]],
  ])("are refused with %s, and nothing lands outside", async (_what, members) => {
    await mkdir(local("target"), { recursive: true });
    await mkdir(local("source"));
    await writeFile(local("evil"), "original");
    await writeFile(local("source/evil"), "original");
    await symlink("..", local("source/link"));
    const names = members.map((name) => name.replace("$PWD", local("source")));
    const { stdout } = await promisify(execFile)("tar", ["-czP", "-C", local("source"), ...names], {
      encoding: "buffer",
    });
    await writeFile(local("evil"), "mine");
    await expect(unpackInto(local("target"), chunksOf(stdout), RULES)).rejects.toBeInstanceOf(
      FileTransferError,
    );
    expect(await readFile(local("evil"), "utf8")).toBe("mine");
  });

  it("must be archives", async () => {
    await mkdir(local("target"), { recursive: true });
    const garbage = unpackInto(local("target"), chunksOf(Buffer.from("not an archive")), RULES);
    await expect(garbage).rejects.toThrow("local tar failed");
  });
});

async function kept(path: string): Promise<object> {
  const { mode, mtimeNs, blocks } = await stat(path, { bigint: true });
  const micros = String((mtimeNs + 500n) / 1000n);
  return { mode: Number(mode) & 0o7777, time: `${micros.slice(0, -6)}.${micros.slice(-6)}`, blocks };
}

async function* chunksOf(...chunks: readonly Buffer[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}
