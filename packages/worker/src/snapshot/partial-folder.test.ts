import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { identifyProcess } from "../processes/proc.ts";
import { newPartialFolder, removePartials } from "./partial-folder.ts";

const UUID = "0d9af1b6-3c4e-4f0e-9d5c-111111111111";
const LONG_AGO = new Date("2020-01-01");

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-partials-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** With a file in it, as a copy that was cut short leaves it. */
async function make(path: string): Promise<string> {
  await mkdir(join(path, "disk"), { recursive: true });
  await writeFile(join(path, "disk", "0.raw"), "half");
  return basename(path);
}

async function age(name: string): Promise<void> {
  for (const path of ["disk/0.raw", "disk", ""]) await utimes(join(folder, name, path), LONG_AGO, LONG_AGO);
}

/** As a daemon would have named it that is this process, or was another one. */
async function named(name: string, change: (owner: string) => string): Promise<string> {
  const own = basename(await newPartialFolder(join(folder, name)));
  return join(folder, own.replace(/\d+-\d+-\d+/, change));
}

test("what a living daemon writes stays, however long it has been silent", async () => {
  const name = await make(await newPartialFolder(join(folder, "template")));
  await age(name);
  await removePartials(folder, "abandoned");
  expect(await readdir(folder)).toEqual([name]);
});

test("what a daemon left that has ended goes at once, also when its number is another's by now", async () => {
  const child = execFile("sleep", ["60"]);
  const ended = once(child, "exit");
  const identity = await identifyProcess(child.pid ?? 0);
  child.kill("SIGKILL");
  await ended;
  await make(await named("dead", (o) => `${o.split("-")[0]}-${identity?.pid}-${identity?.startTime}`));
  await make(await named("reused", (o) => `${o.split("-")[0]}-${process.pid}-1`));
  await removePartials(folder, "abandoned");
  expect(await readdir(folder)).toEqual([]);
});

test("of daemons that cannot be seen from here, only what nobody has written for long goes", async () => {
  const elsewhere = (owner: string): string => owner.replace(/^\d+/, "1");
  const [young, old] = [
    await make(await named("young", elsewhere)),
    await make(await named("old", elsewhere)),
  ];
  const unsigned = [
    await make(join(folder, `unsigned.${UUID}.partial`)),
    await make(join(folder, `old-unsigned.${UUID}.partial`)),
  ] as const;
  await age(old);
  await age(unsigned[1]);
  await removePartials(folder, "abandoned");
  expect((await readdir(folder)).toSorted()).toEqual([unsigned[0], young].toSorted());
});

test("in a folder of one's own all of it goes, and what is whole stays", async () => {
  await make(await newPartialFolder(join(folder, "template")));
  await make(join(folder, "whole"));
  await removePartials(folder, "all");
  expect(await readdir(folder)).toEqual(["whole"]);
  await removePartials(join(folder, "none"), "all");
});
