import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cgroups } from "./cgroups.ts";

/** Folders play the hierarchies: what is tested is where groups are made and that they go; the kernel's part is tested with real VMs. */
describe("control groups", () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "fastvm-cgroup-"));
  });

  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  test("are made in the version 2 hierarchy where there is one", async () => {
    await writeFile(join(root, "cgroup.procs"), "");
    const cgroups = await Cgroups.open("x", root);
    expect(cgroups.parents).toEqual([join(root, "fastvm-x")]);
    expect(await cgroups.make("vm")).toEqual([join(root, "fastvm-x", "vm")]);
    expect(await cgroups.list()).toEqual(["vm"]);
  });

  test("are made in version 1's pids and memory hierarchies otherwise", async () => {
    for (const controller of ["pids", "memory"]) {
      await mkdir(join(root, controller));
      await writeFile(join(root, controller, "cgroup.procs"), "");
    }
    const cgroups = await Cgroups.open("x", root);
    expect(cgroups.parents).toHaveLength(2);
  });

  test("are done without where nothing can be written", async () => {
    const cgroups = await Cgroups.open("x", join(root, "nowhere"));
    expect(cgroups.parents).toEqual([]);
    expect(await cgroups.make("vm")).toEqual([]);
    await cgroups.remove("vm");
  });

  test("that are gone already are removed without complaint", async () => {
    await writeFile(join(root, "cgroup.procs"), "");
    const cgroups = await Cgroups.open("x", root);
    await cgroups.remove("never-made");
    await cgroups.close();
    expect(await readdir(root)).toEqual(["cgroup.procs"]);
  });
});
