import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { QmpClient } from "../qemu/qmp-client.ts";
import { capacityOf } from "../volumes/disk-image.ts";
import { putBehindSpare } from "./spare-disk.ts";

const run = promisify(execFile);
const MIB = 1024 ** 2;

/** QEMU's own programs open what the machine would. */
async function openedAs(behind: Parameters<typeof putBehindSpare>[3]): Promise<string> {
  let opened: unknown;
  const execute = async (command: string, options: unknown): Promise<void> => {
    if (command === "blockdev-add") opened = options;
  };
  await putBehindSpare({ execute } as unknown as QmpClient, 0, "mounted", behind);
  return `json:${JSON.stringify(opened)}`;
}

test.each(["monolithicSparse", "streamOptimized"])(
  "a vmdk is written beside itself: %s",
  async (subformat) => {
    const folder = await mkdtemp(join(tmpdir(), "fastvm-vmdk-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [raw, file, overlay] = ["raw", "vmdk", "qcow2"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(raw, Buffer.alloc(MIB, 7));
    await run("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", `subformat=${subformat}`, raw, file]);
    const before = await readFile(file);
    const bytes = await capacityOf(file, file);
    expect(bytes).toBe(MIB);
    await run("qemu-img", ["create", "-q", "-f", "qcow2", overlay, String(bytes)]);
    const node = await openedAs({ kind: "read", file, overlay, format: "vmdk" });
    for (const command of ["write -P 9 0 64k", "read -P 9 0 64k", "read -P 7 64k 64k"])
      expect((await run("qemu-io", ["-c", command, node])).stdout, command).not.toMatch(/fail/i);
    expect((await readFile(file)).equals(before)).toBe(true);
  },
);
