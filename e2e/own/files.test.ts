import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileTransferError } from "fastvm";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";

const MIB = 1024 * 1024;

describe("files to and from a VM", () => {
  let daemon: TestDaemon;
  let client: FastvmClient;
  let vm: Vm;
  let folder: string;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    client = daemon.client;
    vm = await client.vms.launch({ machineType: "c1m2" });
    folder = await mkdtemp(join(tmpdir(), "fastvm-files-"));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await daemon[Symbol.asyncDispose]();
  });

  async function presign(): Promise<{ uploadUrl: string; downloadUrl: string; maxUploadBytes: number }> {
    const answer = await fetch(`${daemon.url}/v1/vms/${vm.id}/files/presign`, {
      method: "POST",
      headers: { "x-api-key": daemon.apiKey, "content-type": "application/json" },
      body: '{"path":"/any/thing"}',
    });
    expect(answer.status).toBe(200);
    return (await answer.json()) as { uploadUrl: string; downloadUrl: string; maxUploadBytes: number };
  }

  test("go up and come back by the SDK, with their content and strange names", async () => {
    const content = randomBytes(3 * MIB + 17);
    await writeFile(join(folder, "größe 'x'.bin"), content);
    await client.upload(vm, join(folder, "größe 'x'.bin"), "/root/new/folder/größe 'y'.bin");
    const hash = createHash("sha256").update(content).digest("hex");
    expect(await sh(client, vm, `sha256sum < "/root/new/folder/größe 'y'.bin" | cut -c1-64`)).toBe(hash);
    await client.download(vm, "/root/new/folder/größe 'y'.bin", join(folder, "back"));
    expect((await readFile(join(folder, "back"))).equals(content)).toBe(true);
  });

  test("may be empty, and overwrite others", async () => {
    await writeFile(join(folder, "empty"), "");
    await sh(client, vm, "echo old > /root/overwritten");
    await client.upload(vm, join(folder, "empty"), "/root/overwritten");
    expect(await sh(client, vm, "stat -c %s /root/overwritten")).toBe("0");
  });

  test("may be folders, with empty folders, links and modes", async () => {
    const source = join(folder, "tree");
    await mkdir(join(source, "empty"), { recursive: true });
    await mkdir(join(source, "deep", "er"), { recursive: true });
    await writeFile(join(source, "deep", "er", "run.sh"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
    await symlink("er/run.sh", join(source, "deep", "link"));
    await client.upload(vm, source, "/root/tree");
    expect(await sh(client, vm, "/root/tree/deep/link; test -d /root/tree/empty && echo there")).toBe(
      "ran\nthere",
    );
    await client.download(vm, "/root/tree", join(folder, "tree-back"));
    expect((await readdir(join(folder, "tree-back"), { recursive: true })).toSorted()).toEqual(
      (await readdir(source, { recursive: true })).toSorted(),
    );
  });

  test("may be a folder of 10,000, with names of every script", async () => {
    const source = join(folder, "many");
    await mkdir(source);
    const names = Array.from({ length: 10_000 }, (_, index) => `файл 文件 ${index}`);
    for (const name of names) await writeFile(join(source, name), name);
    await client.upload(vm, source, "/root/many");
    expect(await sh(client, vm, "ls /root/many | wc -l; cat '/root/many/файл 文件 9999'")).toBe(
      "10000\nфайл 文件 9999",
    );
    await client.download(vm, "/root/many", join(folder, "many-back"));
    expect((await readdir(join(folder, "many-back"))).toSorted()).toEqual(names.toSorted());
    expect(await readFile(join(folder, "many-back", "файл 文件 123"), "utf8")).toBe("файл 文件 123");
  });

  test.each(["/evil", "../evil"])("are refused when the VM's tar sends %s", async (member) => {
    const makeArchive = `
import io, sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|gz") as archive:
    info = tarfile.TarInfo("${member}"); info.size = 4
    archive.addfile(info, io.BytesIO(b"evil"))`;
    const hostile = `#!/bin/sh\nexec python3 -c '${makeArchive}'\n`;
    await writeFile(join(folder, "hostile-tar"), hostile);
    await client.upload(vm, join(folder, "hostile-tar"), "/usr/local/bin/tar");
    await sh(client, vm, "chmod +x /usr/local/bin/tar");
    try {
      const download = client.download(vm, "/root", join(folder, "hostile", "inside"));
      await expect(download).rejects.toBeInstanceOf(FileTransferError);
      expect(await readdir(join(folder, "hostile"))).toEqual(["inside"]);
    } finally {
      await sh(client, vm, "rm /usr/local/bin/tar");
    }
  });

  test("that are not there are ENOENT", async () => {
    await expect(client.download(vm, "/root/no-such-file", join(folder, "x"))).rejects.toMatchObject({
      code: "ENOENT",
    });
  });

  test("move by one URL from here and from inside the VM", async () => {
    const { uploadUrl, downloadUrl, maxUploadBytes } = await presign();
    expect(maxUploadBytes).toBe(10 * 1024 * MIB);
    await sh(client, vm, `echo from-the-guest | curl -fsS -T - '${uploadUrl}'`);
    expect(await (await fetch(downloadUrl)).text()).toBe("from-the-guest\n");
    await fetch(uploadUrl, { method: "PUT", body: "from-here" });
    expect(await sh(client, vm, `curl -fsS '${downloadUrl}'`)).toBe("from-here");
    await sh(client, vm, `printf 123456 > /tmp/six; curl -fsS -T /tmp/six '${uploadUrl}'`);
    expect(await (await fetch(downloadUrl)).text()).toBe("123456");
  });

  test("need a URL that we signed, for its method", async () => {
    const { uploadUrl, downloadUrl } = await presign();
    expect((await fetch(downloadUrl, { method: "PUT", body: "x" })).status).toBe(403);
    expect((await fetch(uploadUrl)).status).toBe(403);
    expect(
      (await fetch(uploadUrl.replace(/max=\d+/, "max=99999999999999"), { method: "PUT", body: "x" })).status,
    ).toBe(403);
    expect((await fetch(downloadUrl)).status).toBe(404);
  });

  test("that the VM cannot take are refused with its reason, and leave nothing", async () => {
    const { uploadUrl, downloadUrl } = await presign();
    await fetch(uploadUrl, { method: "PUT", body: randomBytes(3 * MIB) });
    await sh(client, vm, "mkdir -p /mnt/small && mount -t tmpfs -o size=1m none /mnt/small");
    for (const [path, reason] of [
      ["/mnt/small/file", "ENOSPC"],
      ["/root", "EISDIR"],
    ]) {
      const answer = await fetch(`${daemon.url}/v1/vms/${vm.id}/files/fetch`, {
        method: "POST",
        headers: { "x-api-key": daemon.apiKey, "content-type": "application/json" },
        body: JSON.stringify({ url: downloadUrl, path }),
      });
      expect(answer.status).toBe(422);
      expect(await answer.text()).toContain(reason);
    }
    expect(await sh(client, vm, "ls -A /mnt/small")).toBe("");
  });

  test("still move after a restore and after a restart of the daemon", async () => {
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    const restored = await client.vms.launch({ snapshotId: snapshot.id });
    await writeFile(join(folder, "late"), "late");
    await daemon.sigkill();
    await daemon.restart();
    for (const one of [vm, restored]) {
      await client.upload(one, join(folder, "late"), "late-file");
      await client.download(one, "/root/late-file", join(folder, "late-back"));
      expect(await readFile(join(folder, "late-back"), "utf8")).toBe("late");
    }
  });
});
