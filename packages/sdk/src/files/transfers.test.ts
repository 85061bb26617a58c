import { execFile } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { APIUserAbortError, FastvmClient, FileTransferError } from "../index.ts";
import type { TransferProgress } from "../index.ts";
import { LocalVm } from "../testing/local-vm.ts";
import { VM } from "../testing/wire-server.ts";
import { unpackInto } from "./tar-process.ts";

/** To presign, fetch and exec at once. */
const ANSWERS = { maxUploadBytes: 2 ** 40, exitCode: 0, stdout: "file", stderr: "", timedOut: false };

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
    await writeFile(local("big"), "");
    await truncate(local("big"), size);
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
    await expect(unpackInto(local("target"), chunksOf(stdout))).rejects.toBeInstanceOf(FileTransferError);
    expect(await readFile(local("evil"), "utf8")).toBe("mine");
  });

  it("must be archives", async () => {
    await mkdir(local("target"), { recursive: true });
    const garbage = unpackInto(local("target"), chunksOf(Buffer.from("not an archive")));
    await expect(garbage).rejects.toThrow("local tar failed");
  });
});

async function* chunksOf(...chunks: readonly Buffer[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}
