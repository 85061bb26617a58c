import { createHash, randomFillSync } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Vm } from "fastvm";
import { runProgram } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";
import { peakMib, startPeak } from "../harness/memory.ts";

const MIB = 1024 * 1024;
/** Enough to see something grow in some seconds. FASTVM_TEST_FILE_MIB=2048 takes two minutes. */
const SIZE_MIB = Number(process.env["FASTVM_TEST_FILE_MIB"] ?? 256);
const BLOCK_BYTES = 16 * MIB;
/** Streams' and the collector's slack. A copy of the file, or a queue that grows with it, is far above. */
const FLAT_MIB = 150;
/** An emulated guest takes some 30 MiB a second, and fewer when the machine is busy. */
const TRANSFER_DEADLINE_MS = SIZE_MIB * 150;
const TEST_TIMEOUT_MS = 2 * TRANSFER_DEADLINE_MS + 60_000;
const ROOT = "/var/cache/fastvm-test";

interface Report {
  readonly residentMib: number;
  readonly peakMib: number;
  readonly seconds: number;
  readonly transferredBytes: number;
  readonly calls: number;
}

describe(`a file of ${SIZE_MIB} MiB`, () => {
  let daemon: TestDaemon;
  let vm: Vm;
  let folder: string;
  let hash: string;

  beforeAll(async () => {
    await mkdir(ROOT, { recursive: true });
    folder = await mkdtemp(join(ROOT, "large-"));
    hash = await writeRandom(join(folder, "sent"));
    daemon = await TestDaemon.start({ poolSize: 0 });
    vm = await daemon.client.vms.launch({ machineType: "c1m2", diskGiB: 12 });
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await daemon[Symbol.asyncDispose]();
  });

  /** By a client of its own; daemon and client stay within FLAT_MIB of what they had. */
  async function transfer(direction: "upload" | "download", localPath: string): Promise<void> {
    const pid = await daemon.pid();
    const before = await startPeak(pid);
    const args = [direction, vm.id, localPath, "/root/large"];
    const result = await runProgram(
      "e2e/harness/transfer-program.ts",
      args,
      daemon.environment,
      "",
      undefined,
      TRANSFER_DEADLINE_MS,
    );
    expect(result.exitCode, result.stderr).toBe(0);
    const report = JSON.parse(result.stdout) as Report;
    const growth = {
      daemonMib: (await peakMib(pid)) - before,
      clientMib: report.peakMib - report.residentMib,
    };
    expect(report.transferredBytes).toBe(SIZE_MIB * MIB);
    expect(report.calls).toBeGreaterThan(SIZE_MIB / 16);
    expect(growth.daemonMib).toBeLessThan(FLAT_MIB);
    expect(growth.clientMib).toBeLessThan(FLAT_MIB);
  }

  test(
    "goes up and comes back, and neither the daemon nor the client grows",
    async () => {
      await transfer("upload", join(folder, "sent"));
      expect(await sh(daemon.client, vm, "stat -c %s /root/large")).toBe(String(SIZE_MIB * MIB));
      await transfer("download", join(folder, "received"));
      expect((await stat(join(folder, "received"))).size).toBe(SIZE_MIB * MIB);
      expect(await sha256(join(folder, "received"))).toBe(hash);
    },
    TEST_TIMEOUT_MS,
  );
});

/** Bytes that nothing can compress or take for others. Resolves to their SHA-256. */
async function writeRandom(path: string): Promise<string> {
  const digest = createHash("sha256");
  const block = Buffer.alloc(BLOCK_BYTES);
  await using file = await open(path, "w");
  for (let written = 0; written < SIZE_MIB * MIB; written += BLOCK_BYTES) {
    digest.update(randomFillSync(block));
    await file.write(block);
  }
  return digest.digest("hex");
}

async function sha256(path: string): Promise<string> {
  const digest = createHash("sha256");
  await pipeline(createReadStream(path), digest);
  return digest.digest("hex");
}
