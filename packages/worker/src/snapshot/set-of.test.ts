import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keepInstalledQemu, QEMU_BINARY, QEMU_FOLDER, TCG_MODULE } from "../qemu/qemu-set.ts";
import type { QemuSet } from "../qemu/qemu-set.ts";
import type { Snapshot } from "./folder.ts";
import { chooseQemu } from "./set-of.ts";

const CAPTURED = { version: "7.2.18", digest: "old", deviceStates: "1234" };
const INSTALLED: QemuSet = { version: "7.2.22", digest: "new", deviceStates: "1234", holder: "/store/new" };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-set-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("a captured state goes into", () => {
  const snapshot = (): Snapshot => ({
    folder,
    // All that is read of it.
    manifest: { compatibility: { qemu: CAPTURED } } as Snapshot["manifest"],
  });

  test("the QEMU that it has with it", async () => {
    await mkdir(join(folder, QEMU_FOLDER));
    await writeFile(join(folder, QEMU_FOLDER, QEMU_BINARY), "");
    expect(await chooseQemu(snapshot(), INSTALLED)).toEqual({ ...CAPTURED, holder: folder });
  });

  test("the installed one when it has none and both write device states alike", async () => {
    expect(await chooseQemu(snapshot(), INSTALLED)).toBe(INSTALLED);
  });

  test("none when they do not, and both are named", async () => {
    await expect(chooseQemu(snapshot(), { ...INSTALLED, deviceStates: "5678" })).rejects.toMatchObject({
      code: "snapshot_incompatible",
      message: expect.stringMatching(/7\.2\.18.*7\.2\.22/) as string,
    });
  });
});

test("a binary and a module of two builds are not kept: a package is being replaced", async () => {
  const stampOf = (digit: string): string => `qemu_stamp_${digit.repeat(40)}`;
  await writeFile(join(folder, QEMU_BINARY), `binary ${stampOf("1")} binary`);
  await writeFile(join(folder, TCG_MODULE), `module ${stampOf("2")} module`);
  const program = {
    path: join(folder, QEMU_BINARY),
    moduleFolder: folder,
    firmwareFolders: [],
    libraries: [],
  };
  await expect(keepInstalledQemu(program, join(folder, "store"))).rejects.toThrow(/different builds/);
});
