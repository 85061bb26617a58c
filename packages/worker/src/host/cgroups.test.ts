import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SETTINGS } from "./cgroup-files.ts";
import { Cgroups } from "./cgroups.ts";

const MACHINE = { cpu: 2, memoryMib: 2048 };

/** Folders play the hierarchies: what is tested is where groups are made and that they go; the kernel's part is tested with real ones. */
describe("control groups", () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "fastvm-cgroup-"));
  });

  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  test("are made in the version 2 hierarchy where there is one", async () => {
    await writeFile(join(root, "cgroup.controllers"), "");
    await writeFile(join(root, "cgroup.procs"), "");
    const cgroups = await Cgroups.open("x", root);
    expect(await cgroups.make("vm", MACHINE)).toEqual([join(root, "fastvm-x", "vm")]);
    expect(await cgroups.list()).toEqual(["vm"]);
  });

  test("are made in those of version 1 that there are otherwise", async () => {
    for (const controller of ["pids", "memory", "blkio"]) {
      await mkdir(join(root, controller));
      await writeFile(join(root, controller, "cgroup.procs"), "");
    }
    const cgroups = await Cgroups.open("x", root);
    const groups = ["memory", "pids", "blkio"].map((controller) => join(root, controller, "fastvm-x", "vm"));
    expect(await cgroups.make("vm", MACHINE)).toEqual(groups);
  });

  test("are done without where nothing can be written", async () => {
    const cgroups = await Cgroups.open("x", join(root, "nowhere"));
    expect(await cgroups.make("vm", MACHINE)).toEqual([]);
    expect(cgroups.inForce.size).toBe(0);
    await cgroups.joinAsDaemon();
    await cgroups.remove("vm");
    await cgroups.close();
  });

  test("that are gone already are removed without complaint", async () => {
    await writeFile(join(root, "cgroup.controllers"), "");
    await writeFile(join(root, "cgroup.procs"), "");
    const cgroups = await Cgroups.open("x", root);
    await cgroups.remove("never-made");
    await cgroups.close();
    expect((await readdir(root)).toSorted()).toEqual(["cgroup.controllers", "cgroup.procs"]);
  });

  test("are told the same in both versions", () => {
    const limits = { memoryBytes: 1000, cpuWeight: 200, tasks: 7 };
    const told = (version: 1 | 2, controller: "memory" | "cpu" | "pids"): unknown =>
      SETTINGS[version][controller].map(({ file, value }) => [file, value(limits)]);
    expect(told(2, "memory")).toEqual([["memory.max", "1000"]]);
    expect(told(1, "memory")).toEqual([["memory.limit_in_bytes", "1000"]]);
    expect(told(2, "cpu")).toEqual([["cpu.weight", "200"]]);
    expect(told(1, "cpu")).toEqual([["cpu.shares", "2048"]]);
    expect(told(2, "pids")).toEqual([["pids.max", "7"]]);
    expect(SETTINGS[2].cpu[0]?.value({ ...limits, cpuWeight: 1e9 })).toBe("10000");
  });
});
