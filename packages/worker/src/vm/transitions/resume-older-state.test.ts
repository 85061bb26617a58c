import { mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findMemoryMapping, PAGE_BYTES } from "../../memory/mapping.ts";
import { MAP_FILE, PAGES_FOLDER } from "../../memory/vm-memory.ts";
import { MEMORY_FILE } from "../../qemu/machine.ts";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import type { Vm } from "../state/vm.ts";
import { pausedFolder } from "../state/worker-context.ts";
import { pause } from "./pause.ts";
import { resume } from "./resume.ts";

let host: ScriptedHost;
let vm: Vm;
let folder: string;

beforeEach(async () => {
  host = await ScriptedHost.open();
  vm = await host.launch();
  folder = pausedFolder(host.context.config, vm.vmId);
  await pause(host.context, vm);
  await host.fillPool();
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

/** What versions before page maps would have left: pages 4 and 5, one of them of nothing. */
async function makeOlder(): Promise<Buffer> {
  const index = Buffer.alloc(PAGE_BYTES);
  index.write("FVMDELTA", "latin1");
  index.writeUInt32LE(1, 8);
  index.writeUInt32LE(1, 12);
  index.writeUInt32LE(4, 24);
  index.writeUInt32LE(2, 28);
  const page = Buffer.alloc(PAGE_BYTES, "older");
  const delta = Buffer.concat([index, page, Buffer.alloc(PAGE_BYTES)]);
  await rm(join(folder, PAGES_FOLDER), { recursive: true });
  await rm(join(folder, MAP_FILE));
  await writeFile(join(folder, "delta"), delta, { mode: 0o600 });
  const path = join(folder, "manifest.json");
  const { pages: _pages, ...manifest } = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  const described = { bytes: delta.length, crc32: crc32(delta).toString(16).padStart(8, "0") };
  await writeFile(path, JSON.stringify({ ...manifest, format: 1, delta: described }));
  return page;
}

test("a VM that an older version paused goes on with its memory, and can be paused again", async () => {
  const page = await makeOlder();
  await resume(host.context, vm, {});
  const revived = host.vm(vm.vmId);
  const pid = revived.record.process?.pid ?? 0;
  const { address } = await findMemoryMapping(pid, join(revived.folder, MEMORY_FILE));
  await using memory = await open(`/proc/${pid}/mem`, "r");
  const read = async (at: number): Promise<Buffer> => {
    return (await memory.read(Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, address + at * PAGE_BYTES)).buffer;
  };
  expect((await read(4)).equals(page)).toBe(true);
  expect((await read(5)).equals(Buffer.alloc(PAGE_BYTES))).toBe(true);
  await pause(host.context, revived);
  expect((await readdir(join(folder, PAGES_FOLDER))).length).toBeGreaterThan(0);
  expect(await readdir(folder)).not.toContain("delta");
  await host.fillPool();
  await resume(host.context, host.vm(vm.vmId), {});
});

test("one whose memory rots is not resumed", async () => {
  await makeOlder();
  {
    await using delta = await open(join(folder, "delta"), "r+");
    await delta.write("x", PAGE_BYTES);
  }
  await expect(resume(host.context, vm, {})).rejects.toMatchObject({ code: "snapshot_incompatible" });
  await rm(join(folder, "delta"));
  await mkdir(join(folder, "delta"));
  await expect(resume(host.context, vm, {})).rejects.toThrow();
});
