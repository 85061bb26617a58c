import { once } from "node:events";
import { execFile } from "node:child_process";
import { chown, link, readdir, readFile, readlink, rename, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, test, vi } from "vitest";
import { isAlive, parentOf } from "../processes/proc.ts";
import { openBareSlot } from "../testing/bare-slot.ts";
import type { BareSlot } from "../testing/bare-slot.ts";
import { moveSlot } from "../pool/slot.ts";
import { QMP_SOCKET } from "./machine.ts";
import { QemuProcess } from "./qemu-process.ts";
import type { QemuHost } from "./qemu-process.ts";
import { makeRunFile } from "./run-folder.ts";

const run = promisify(execFile);
const WAIT = { timeout: 20_000, interval: 20 };

describe("a QEMU", () => {
  let bare: BareSlot;
  let pid: number;

  async function start(changes: Partial<QemuHost> = {}): Promise<void> {
    bare = await openBareSlot("c1m1", changes);
    pid = bare.slot.qemu.identity.pid;
  }

  afterEach(async () => {
    await bare[Symbol.asyncDispose]();
  });

  async function expectEnded(): Promise<void> {
    await vi.waitFor(async () => expect(await isAlive(bare.slot.qemu.identity)).toBe(false), WAIT);
  }

  /** Opens a file of its folder as a disk, relative to where it works. */
  async function canOpen(file: string): Promise<boolean> {
    const { qmp } = bare.slot.qemu;
    const node = {
      driver: "raw",
      "node-name": "tried",
      "read-only": true,
      file: { driver: "file", filename: file },
    };
    const opened = await qmp.execute("blockdev-add", node).then(
      () => true,
      () => false,
    );
    if (opened) await qmp.execute("blockdev-del", { "node-name": "tried" });
    return opened;
  }

  test("sees its VM's folder and what it needs, in namespaces of its own", async () => {
    await start();
    const root = `/proc/${pid}/root`;
    expect(await readdir(root)).toEqual(["dev", "etc", "lib", "lib64", "qemu", "readonly-memory.so", "vm"]);
    expect(await readdir(`${root}/vm`)).toEqual(await readdir(bare.slot.folder));
    expect(await readdir(`${root}/etc`)).toEqual(["ld.so.cache"]);
    expect(await readdir(`${root}/dev`)).toEqual(["null", "urandom"]);
    expect(await readdir(`${root}/qemu`)).toEqual(await readdir(join(bare.slot.folder, "qemu")));
    expect(await canOpen("/etc/passwd")).toBe(false);
    for (const kind of ["mnt", "pid", "ipc", "uts"]) {
      expect(await readlink(`/proc/${pid}/ns/${kind}`), kind).not.toBe(
        await readlink(`/proc/self/ns/${kind}`),
      );
    }
  });

  test("can put nothing in place of its sockets, nor other files beside them", async () => {
    await start();
    const { folder, uid } = bare.slot;
    const attempt = async (program: string): Promise<string> => {
      const { stderr } = await run("python3", ["-c", `import os\n${program}`], {
        cwd: folder,
        uid,
        gid: uid,
      }).catch((error: { stderr: string }) => error);
      return stderr;
    };
    expect(await attempt("os.stat('run/link.sock')")).toBe("");
    for (const planted of [
      "os.rename('run/link.sock', 'run/other')",
      "os.unlink('run/qmp.sock')",
      "os.symlink('/etc/shadow', 'run/state')",
      "os.open('run/large', os.O_CREAT | os.O_WRONLY)",
      "os.chmod('run', 0o777)",
    ]) {
      expect(await attempt(planted), planted).toContain("PermissionError");
    }
    // What it is to write is made for it.
    await makeRunFile(folder, "state", uid);
    await bare.slot.qemu.qmp.execute("xen-save-devices-state", { filename: "run/state", live: false });
    expect((await readFile(join(folder, "run/state"))).length).toBeGreaterThan(0);
  });

  test("is closed out of its sockets' folder by a daemon that adopts it, too", async () => {
    await start();
    const { qemu, folder, uid } = bare.slot;
    await chown(join(folder, "run"), uid, uid);
    qemu.qmp.close();
    const adopted = await QemuProcess.adopt(qemu.identity, folder);
    expect(await stat(join(folder, "run"))).toMatchObject({ uid: 0, gid: uid });
    adopted.qmp.close();
  });

  test("has gone without rights, limits and core files before it does anything", async () => {
    await start();
    const status = await readFile(`/proc/${pid}/status`, "latin1");
    expect(status).toMatch(/^CapBnd:\s+0000000000000000$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    const limits = await readFile(`/proc/${pid}/limits`, "latin1");
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
    // A disk of 1 GiB, a 4096th of it for tables, and 64 MiB.
    expect(limits).toMatch(new RegExp(`^Max file size +${2 ** 30 + 2 ** 18 + 2 ** 26} `, "m"));
  });

  test("works on when its folder gets another name, and finds what is linked into it later", async () => {
    await start();
    const moved = await moveSlot(bare.slot, join(bare.root, "moved"));
    await writeFile(join(bare.root, "layer"), Buffer.alloc(65_536), { mode: 0o444 });
    expect(await canOpen("disk/later.raw")).toBe(false);
    await link(join(bare.root, "layer"), join(moved.folder, "disk/later.raw"));
    expect(await canOpen("disk/later.raw")).toBe(true);
    // Under its new name others find its monitor, too.
    const monitor = connect(join(moved.folder, QMP_SOCKET));
    await once(monitor, "connect");
    monitor.destroy();
    await rename(moved.folder, bare.slot.folder);
  });

  test("ends when it is told to, though it is the first of its namespace", async () => {
    await start();
    process.kill(pid, "SIGTERM");
    await expectEnded();
    expect(await bare.slot.qemu.explainEnd()).toMatch(/^QEMU ended with status 0: .*signal 15/);
  });

  test("that was killed is said to have been, also to whoever did not start it", async () => {
    await start();
    process.kill(pid, "SIGKILL");
    await expectEnded();
    const adopting = QemuProcess.adopt(bare.slot.qemu.identity, bare.slot.folder);
    await expect(adopting).rejects.toThrow("QEMU was ended by SIGKILL");
  });

  test("and its supervisor live equally long", async () => {
    await start();
    const supervisor = (await parentOf(pid)) ?? 0;
    expect(await readlink(`/proc/${supervisor}/cwd`)).toBe(bare.slot.folder);
    process.kill(supervisor, "SIGTERM");
    expect(await isAlive(bare.slot.qemu.identity)).toBe(true);
    process.kill(supervisor, "SIGKILL");
    await expectEnded();
  });

  test("runs also where the host gives no namespaces", async () => {
    await start({ namespaces: new Set() });
    expect(await readlink(`/proc/${pid}/cwd`)).toBe(bare.slot.folder);
    expect(await readlink(`/proc/${pid}/ns/pid`)).toBe(await readlink("/proc/self/ns/pid"));
    expect(await canOpen("/etc/shadow")).toBe(false);
  });
});
