import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UnprocessableEntityError } from "fastvm";
import type { FastvmClient, Vm } from "fastvm";
import { runCli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";

const MIB = 1024 * 1024;
const FILE_BYTES = 16 * MIB;

/** All but the last MiB. Reserving takes no time: ext4 notes the extents and writes nothing. */
const FILL = `
mkdir /ballast
size=4096 count=0
while [ $size -gt 0 ]; do
  if fallocate -l \${size}M /ballast/$count 2>/dev/null; then count=$((count + 1)); continue; fi
  rm -f /ballast/$count
  size=$((size / 2))
done
sync`;
/** In KiB, with the blocks that ext4 keeps for root, who is the one that writes. */
const FREE = "echo $(($(stat -f -c '%f * %S' /) / 1024))";
/** Of directories and the journal. */
const SLACK_KIB = 64;

describe("a VM whose root disk is full", () => {
  let daemon: TestDaemon;
  let client: FastvmClient;
  let vm: Vm;
  let memory: Memory;
  let folder: string;
  let freeKib: number;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-full-"));
    await writeFile(join(folder, "file"), randomBytes(FILE_BYTES));
    daemon = await TestDaemon.start({ poolSize: 0 });
    client = daemon.client;
    vm = await client.vms.launch({ machineType: "c1m2", name: "full" });
    memory = await startKeeper(client, vm);
    await sh(client, vm, "mkdir -p /data; echo old > /data/kept");
    await sh(client, vm, FILL);
    freeKib = Number(await sh(client, vm, FREE));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await daemon[Symbol.asyncDispose]();
  });

  /** Nothing half-made, under whatever name; and the VM works, with the processes it had. */
  async function expectUnharmed(): Promise<void> {
    expect(await sh(client, vm, "ls -A /data; cat /data/kept")).toBe("kept\nold");
    expect(Number(await sh(client, vm, `sync; ${FREE}`))).toBeGreaterThanOrEqual(freeKib - SLACK_KIB);
    expectContinues(await askKeeper(client, vm), memory);
    expect((await client.vms.get(vm)).status).toBe("running");
  }

  test.each(["new", "kept"])("takes no file that does not fit, as /data/%s, and says why", async (name) => {
    const failure = await client
      .upload(vm, join(folder, "file"), `/data/${name}`)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UnprocessableEntityError);
    expect(failure).toMatchObject({
      status: 422,
      code: "transfer_failed",
      message: expect.stringContaining("ENOSPC"),
    });
    await expectUnharmed();
  });

  test("takes no folder that does not fit", async () => {
    const failure = await client.upload(vm, folder, "/data/folder").catch((error: unknown) => error);
    expect(failure).toMatchObject({ message: expect.stringMatching(/ENOSPC|No space left/) });
    expect(await sh(client, vm, "find /var/tmp -name 'fastvm-*'")).toBe("");
    await expectUnharmed();
  });

  test("ends the command line with a status and a word", async () => {
    const { exitCode, stderr } = await runCli(
      ["cp", join(folder, "file"), "full:/data/new"],
      daemon.environment,
    );
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("ENOSPC");
    await expectUnharmed();
  });

  test("still gives its files, and takes them again when there is room", async () => {
    await client.download(vm, "/data/kept", join(folder, "back"));
    expect((await readFile(join(folder, "back"))).toString("latin1", 0, 10)).toBe("old\n");
    await sh(client, vm, "rm -r /ballast");
    await client.upload(vm, join(folder, "file"), "/data/new");
    expect(await sh(client, vm, "stat -c %s /data/new")).toBe(String(FILE_BYTES));
  });
});
