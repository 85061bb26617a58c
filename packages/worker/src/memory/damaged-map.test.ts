/**
 * The library in QEMU reads the map of its VM again, whoever wrote it: whatever is in the file, the process has its memory or says why not,
 * and never ends by a signal.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seededRandom } from "../guest-link/seeded-random.ts";
import { PAGE_BYTES } from "./mapping.ts";
import { emptyMap, overlay } from "./page-map.ts";
import { encodePageMap } from "./page-map-file.ts";
import { MAP_FILE, pageFile, PAGES_FOLDER } from "./vm-memory.ts";

const BUILD = new URL("../../native/build/", import.meta.url);
const PROGRAM = fileURLToPath(new URL("map-memory", BUILD));
const LIBRARY = fileURLToPath(new URL("readonly-memory.so", BUILD));
const PAGES = 64;
const MAPS = 150;
const MAP = overlay(overlay(emptyMap(PAGES), "one", [{ firstPage: 3, pages: 4, filePage: 0 }]), "two", [
  { firstPage: 20, pages: 1, filePage: 1 },
]);

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-map-"));
  await mkdir(join(folder, PAGES_FOLDER));
  await writeFile(join(folder, "memory"), Buffer.alloc(PAGES * PAGE_BYTES));
  for (const name of MAP.files) await writeFile(pageFile(folder, name), Buffer.alloc(4 * PAGE_BYTES, 1));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Whether a process comes by its memory with such a map. */
async function isMapped(map: Buffer): Promise<boolean> {
  await writeFile(join(folder, MAP_FILE), map);
  const process = spawn(PROGRAM, ["memory"], { cwd: folder, env: { LD_PRELOAD: LIBRARY } });
  const ready = once(process.stdout, "data").then(() => "ready" as const);
  const outcome = await Promise.race([ready, once(process, "exit")]);
  if (outcome === "ready") {
    process.kill("SIGKILL");
    return true;
  }
  expect(outcome, map.toString("hex")).toEqual([1, null]);
  return false;
}

test("a map is mapped, or refused", async () => {
  expect(await isMapped(encodePageMap(MAP))).toBe(true);
  expect(await isMapped(encodePageMap(MAP).subarray(0, -1))).toBe(false);
  const beyond = overlay(MAP, "one", [{ firstPage: 3, pages: 5, filePage: 0 }]);
  expect(await isMapped(encodePageMap(beyond))).toBe(false);
});

test("with any bytes changed it ends no process by a signal", async () => {
  const random = seededRandom("map that QEMU reads", undefined);
  let refused = 0;
  for (let map = 0; map < MAPS; map++) {
    const bytes = encodePageMap(MAP);
    for (let left = 1 + random(3); left > 0; left--) bytes[random(bytes.length)] = random(256);
    if (!(await isMapped(bytes))) refused++;
  }
  expect(refused).toBeGreaterThan(0);
});
