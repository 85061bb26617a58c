import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { identifyProcess } from "@fastvm/worker";
import { expect, onTestFinished, test } from "vitest";
import { claimFolder, findInstance, releaseEnded, releaseFolder } from "./instance-file.ts";
import { folderLockFile, instanceFile } from "./paths.ts";

const SERVED = { url: "http://127.0.0.1:1" };
const CLAIMS = 8;
const ROUNDS = 10;
const LOCK = `
  const lock = new (require("node:sqlite").DatabaseSync)(process.argv[1]);
  lock.exec("BEGIN EXCLUSIVE");
  console.log("locked");
  setInterval(() => lock.isOpen, 1000);
`;

const KILLED = JSON.stringify({ process: { pid: process.pid, startTime: 1 }, ...SERVED });

test("of many that find what a killed daemon left, or a power cut emptied, one has the folder", async () => {
  for (const left of Array.from({ length: ROUNDS }, () => [KILLED, ""]).flat()) {
    const folder = dataFolder();
    writeFileSync(instanceFile(folder), left);
    const claims = await Promise.allSettled(
      Array.from({ length: CLAIMS }, (_, turn) => claimAfter(turn, folder)),
    );
    expect(claims.filter(({ status }) => status === "fulfilled").length).toBe(1);
    expect((await findInstance(folder))?.process).toEqual(await identifyProcess(process.pid));
  }
});

test("while another process judges the file nobody else has the folder, and its death frees it", async () => {
  const folder = dataFolder();
  const other = spawn(process.execPath, ["--eval", LOCK, folderLockFile(folder)], { stdio: "pipe" });
  onTestFinished(() => void other.kill("SIGKILL"));
  await once(other.stdout, "data");
  await expect(claimFolder(folder, SERVED)).rejects.toThrow(/Another daemon is starting/);
  other.kill("SIGKILL");
  await once(other, "exit");
  await claimFolder(folder, SERVED);
});

test("who ends leaves the file of one that lives, and takes its own away, or that of one that was killed", async () => {
  const folder = dataFolder();
  const other = JSON.stringify({ process: await identifyProcess(process.ppid), ...SERVED });
  writeFileSync(instanceFile(folder), other);
  await releaseFolder(folder);
  await releaseEnded(folder);
  expect(readFileSync(instanceFile(folder), "utf8")).toBe(other);
  writeFileSync(instanceFile(folder), KILLED);
  await releaseEnded(folder);
  expect(existsSync(instanceFile(folder))).toBe(false);
  await claimFolder(folder, SERVED);
  await releaseFolder(folder);
  expect(existsSync(instanceFile(folder))).toBe(false);
});

function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fastvm-instance-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function claimAfter(turns: number, folder: string): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await setImmediate();
  await claimFolder(folder, SERVED);
}
