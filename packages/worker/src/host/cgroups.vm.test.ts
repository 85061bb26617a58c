import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { confineArguments, CONFINE_PATH } from "../processes/confine.ts";
import { explainEnd } from "../qemu/qemu-process.ts";
import { Cgroups } from "./cgroups.ts";

/** As long as a group that cannot be removed at once is tried for. */
const WAIT = { timeout: 60_000, interval: 20 };
const UID = 1_830_000;
const OVERHEAD_MIB = 512;
/** Of the whole, which the group's overhead is the larger part of. */
const MACHINE = { cpu: 2, memoryMib: 64 };

/** The kernel's own groups, of whatever version this host has; what they would be of the other is tested inside a guest. */
describe("this host's control groups", () => {
  let cgroups: Cgroups;
  let folder: string;
  let groups: readonly string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-groups-"));
    cgroups = await Cgroups.open(`groups-test-${process.pid}`);
    groups = await cgroups.make("vm", MACHINE);
  });

  afterEach(async () => {
    await cgroups.remove("vm");
    await rm(folder, { recursive: true });
    await vi.waitFor(async () => {
      await cgroups.close();
      for (const group of groups) expect(existsSync(join(group, ".."))).toBe(false);
    }, WAIT);
  });

  /** A program in the group, confined like a QEMU. */
  function inside(...command: readonly string[]): ChildProcess {
    const confinement = {
      uid: UID,
      namespaces: new Set<never>(),
      exposed: [],
      devices: [],
      groups,
      network: undefined,
      maxFileBytes: 2 ** 30,
    };
    const args = ["--record", "exit", ...confineArguments(confinement), "--", ...command];
    return spawn(CONFINE_PATH, args, { cwd: folder, stdio: ["ignore", "ignore", "ignore", "pipe"] });
  }

  async function setting(file: string): Promise<string> {
    const group = groups.find((each) => existsSync(join(each, file)));
    return (await readFile(join(group ?? "", file), "latin1")).trim();
  }

  test("bound memory and threads, and weigh by vCPUs", async () => {
    const versions = new Set(cgroups.inForce.values());
    expect([...cgroups.inForce.keys()]).toEqual(expect.arrayContaining(["memory", "cpu", "pids"]));
    const bytes = `${(MACHINE.memoryMib + OVERHEAD_MIB) * 2 ** 20}`;
    expect(await setting(versions.has(2) ? "memory.max" : "memory.limit_in_bytes")).toBe(bytes);
    expect(await setting(versions.has(2) ? "cpu.weight" : "cpu.shares")).toBe(
      versions.has(2) ? "200" : "2048",
    );
    expect(await setting("pids.max")).toBe("512");
  });

  test("weigh less of what is made ahead of time, until it is taken into use", async () => {
    const weigh = async (): Promise<number> => {
      const group = groups.find((each) => /cpu/.test(each) || existsSync(join(each, "cpu.weight"))) ?? "";
      const spare = join(group, "..", "spare");
      const file = existsSync(join(spare, "cpu.weight")) ? "cpu.weight" : "cpu.shares";
      return Number(await readFile(join(spare, file), "latin1"));
    };
    await cgroups.make("spare", MACHINE, "spare");
    const spareWeight = await weigh();
    await cgroups.takeIntoUse("spare", MACHINE);
    expect(await weigh()).toBeGreaterThan(5 * spareWeight);
    await cgroups.remove("spare");
  });

  test("hold a program from its first moment on, and no other", async () => {
    const child = inside("sleep", "60");
    const [pid] = await members();
    expect(await readFile(`/proc/${pid}/cmdline`, "latin1")).toBe("sleep\u000060\u0000");
    expect(await cgroups.processesOf("vm")).toEqual([pid]);
    process.kill(pid ?? 0, "SIGKILL");
    await once(child, "exit");
    expect(await cgroups.ranOutOfMemory("vm")).toBe(false);
  });

  async function members(): Promise<readonly number[]> {
    for (;;) {
      const found = await cgroups.processesOf("vm");
      const first = await readFile(`/proc/${found[0]}/cmdline`, "latin1").catch(() => "");
      if (first.startsWith("sleep")) return found;
    }
  }

  test("go once their last process does, however late", async () => {
    const child = inside("sleep", "60");
    // In all of them: before, it would find some gone, and end.
    await members();
    await cgroups.remove("vm");
    expect(groups.filter((group) => existsSync(group))).not.toEqual([]);
    child.kill("SIGKILL");
    await once(child, "exit");
    await vi.waitFor(() => expect(groups.filter((group) => existsSync(group))).toEqual([]), WAIT);
  });

  test("stay with whoever makes them anew before the last process of the former ones has gone", async () => {
    const child = inside("sleep", "60");
    await members();
    await cgroups.remove("vm");
    await cgroups.make("vm", MACHINE);
    child.kill("SIGKILL");
    await once(child, "exit");
    // Until the removal of the former ones would have been tried again, twice.
    await sleep(1200);
    expect(groups.filter((group) => !existsSync(group))).toEqual([]);
  });

  test("end what takes more memory, and tell that this was why", async () => {
    const child = inside("sh", "-c", "head -c 2G /dev/zero | tail -c 1G > /dev/null");
    await once(child, "exit");
    expect(await cgroups.ranOutOfMemory("vm")).toBe(true);
  });

  test("do not count the cache of a file as memory that is lacking", async () => {
    const file = join(folder, "file");
    {
      await using large = await open(file, "w", 0o644);
      await large.truncate(2 ** 30);
    }
    await chmod(folder, 0o755);
    const child = inside("head", "-c", "1G", "file");
    await once(child, "exit");
    expect(await cgroups.ranOutOfMemory("vm")).toBe(false);
    expect(await explainEnd(folder)).toBe("QEMU ended with status 0");
  });

  test("let the daemon weigh more than any VM, and go when it leaves", async () => {
    const before = await readFile("/proc/self/cgroup", "latin1");
    await cgroups.joinAsDaemon();
    expect(await readFile("/proc/self/cgroup", "latin1")).toContain("/daemon");
    expect(await cgroups.list()).toEqual(["vm"]);
    await cgroups.close();
    expect(await readFile("/proc/self/cgroup", "latin1")).toBe(before);
  });
});
