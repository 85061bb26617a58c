import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, readlink } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { restingFootprint } from "../harness/footprint.ts";
import { processesIn, processOf } from "../harness/processes.ts";

/** Left open by whoever starts the daemon: at the next free number, beyond a gap, and far away. */
const CARELESS = ["bash", "-c", 'exec 3</etc/shadow 20</etc/shadow 250</etc/shadow; exec "$@"', "careless"];
const SERVE = fileURLToPath(new URL("../../fastvm", import.meta.url));
const PAGES_HELPER = fileURLToPath(
  new URL("../../packages/worker/native/build/fastvm-pages", import.meta.url),
);
const STARTED_MS = 60_000;

/** Of one process, each with its number left out where the kernel counts on: `socket`, `anon_inode:[eventfd]`, `/dev/null`. */
async function openedBy(pid: number): Promise<readonly string[]> {
  const fds = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
  return targets
    .filter((target) => target !== "")
    .map((target) => target.replace(/^(socket|pipe):\[\d+\]$/, "$1"))
    .toSorted();
}

describe("with files left open by its starter", () => {
  let daemon: TestDaemon;
  let vm: Vm;

  beforeAll(async () => {
    daemon = await TestDaemon.start({ poolSize: 1, starter: CARELESS });
    vm = await daemon.client.vms.launch({ machineType: "c1m2" });
    await restingFootprint(daemon);
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  test("a daemon in the background has its log, its database and what Node needs", async () => {
    const { dataDir } = daemon.config;
    const files = ["fastvm.db", "fastvm.db-shm", "fastvm.db-wal", "daemon.log"].map(
      (name) => `${dataDir}/${name}`,
    );
    const known = new Set([
      ...files,
      "/dev/null",
      "socket",
      "pipe",
      ...nodes("eventfd", "eventpoll", "io_uring"),
    ]);
    const opened = await openedBy(await daemon.pid());
    // Its own folder may be open for a moment, to be synced or asked for room.
    expect(opened.filter((name) => name !== dataDir && !known.has(name))).toEqual([]);
    expect(opened).toEqual(expect.arrayContaining(files));
  });

  test("so do the tools that it keeps beside it", async () => {
    const daemonPid = await daemon.pid();
    for (const pid of await childrenOf(daemonPid)) {
      const opened = await openedBy(pid);
      expect(
        opened.filter((name) => name.startsWith("/") && !/^\/dev\/null$|daemon\.log$|\/exit$/.test(name)),
      ).toEqual([]);
    }
  });

  test("a QEMU that waits has its machine's, and the channel for its device state", async () => {
    const spare = (await processesIn(daemon.config.dataDir)).find(({ folder }) => folder.startsWith("pool/"));
    const opened = await openedBy(spare?.pid ?? 0);
    expect(new Set(opened)).toEqual(
      new Set([...machine(`${spare?.folder}`), ...(await ofAnyQemu()), "socket"]),
    );
    // Those that listen, the monitor, the channel.
    expect(opened.filter((name) => name === "socket")).toHaveLength(
      (await listening(`${spare?.folder}`)) + 2,
    );
  });

  test("a QEMU that runs has lost the channel and got its disk", async () => {
    const { pid } = await processOf(daemon.config.dataDir, vm.id);
    const opened = await openedBy(pid);
    const disk = (await readdir(`${daemon.config.dataDir}/vms/${vm.id}/disk`)).map(
      (name) => `/vm/disk/${name}`,
    );
    const files = [...disk, ...machine(undefined)];
    const others = new Set([...(await ofAnyQemu()), "socket"]);
    // Its log is known by the name that its folder had when it was opened.
    expect(new Set(opened.map((name) => name.replace(/^.*qemu\.log$/, "qemu.log")))).toEqual(
      new Set([...files, "qemu.log", ...others]),
    );
    // Those that listen, the monitor, the guest link.
    expect(opened.filter((name) => name === "socket")).toHaveLength((await listening(`vms/${vm.id}`)) + 2);
  });

  test("its supervisor has the record of its end and nothing else", async () => {
    const { pid } = await processOf(daemon.config.dataDir, vm.id);
    const opened = await openedBy(await parentOf(pid));
    expect(opened).toEqual([expect.stringMatching(/\/exit$/)]);
  });

  async function listening(folder: string): Promise<number> {
    const sockets = await readdir(`${daemon.config.dataDir}/${folder}/run`);
    expect(sockets).toEqual(expect.arrayContaining(["qmp.sock", "link.sock"]));
    return sockets.length;
  }

  function machine(folder: string | undefined): readonly string[] {
    const log = folder === undefined ? [] : [`${daemon.config.dataDir}/${folder}/qemu.log`];
    return ["/dev/net/tun", "/dev/null", "/dev/urandom", "/vm/memory", ...log];
  }
});

test("a daemon in the foreground passes nothing on to what it starts", async () => {
  await using daemon = await TestDaemon.start({ poolSize: 1 });
  await daemon.stop();
  const { dataDir, port } = daemon.config;
  const [command = "", ...args] = CARELESS;
  const serve = [SERVE, "serve", "--data-dir", dataDir, "--port", `${port}`, "--pool-size", "1"];
  const child = spawn(command, [...args, ...serve], { stdio: "ignore" });
  try {
    await eventually(async () => expect(await daemon.pid()).toBe(child.pid), STARTED_MS);
    await restingFootprint(daemon);
    const children = await childrenOf(child.pid ?? 0);
    const qemus = (await processesIn(dataDir)).map(({ pid }) => pid);
    expect(children.length).toBeGreaterThan(0);
    expect(qemus.length).toBeGreaterThan(0);
    for (const pid of [...children, ...qemus]) expect(await openedBy(pid)).not.toContain("/etc/shadow");
  } finally {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
});

/** With the one by which the kernel tracks writes to its memory, where it does. */
async function ofAnyQemu(): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(PAGES_HELPER, ["--probe"]);
  const tracking = stdout.trim() === "async-wp" ? ["userfaultfd"] : [];
  return nodes("eventfd", "eventpoll", "signalfd", ...tracking);
}

function nodes(...kinds: readonly string[]): readonly string[] {
  return kinds.map((kind) => `anon_inode:[${kind}]`);
}

async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const all = (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const parents = await Promise.all(all.map(parentOf));
  return all.filter((_pid, index) => parents[index] === pid);
}
