import { execFile } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, open, readFile, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CONFINE_PATH, confineArguments, NAMESPACE_KINDS } from "./confine.ts";
import type { Confinement } from "./confine.ts";

const UID = 1_820_000;
const MAX_FILE_BYTES = 100_000;
/** A shell and its tools. */
const EXPOSED = ["/usr/bin", "/bin", "/usr/lib", "/lib", "/lib64"].map((path) => ({ path }));

describe("what a confined program can do", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "fastvm-confine-"));
    await chown(folder, 0, UID);
    await chmod(folder, 0o710);
    await mkdir(join(folder, "run"));
    await chown(join(folder, "run"), UID, UID);
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  /** What a script prints, errors included, and how it ended. */
  async function inside(script: string, changes: Partial<Confinement> = {}): Promise<string> {
    const confinement = {
      uid: UID,
      namespaces: new Set(NAMESPACE_KINDS),
      exposed: EXPOSED,
      devices: ["/dev/null", "/dev/zero"],
      groups: [],
      network: undefined,
      maxFileBytes: MAX_FILE_BYTES,
      ...changes,
    };
    const args = ["--record", "exit", ...confineArguments(confinement), "--", "/bin/sh", "-c", script];
    const { stdout } = await promisify(execFile)(
      "sh",
      ["-c", '"$@" 2>&1 3>/dev/null', "sh", CONFINE_PATH, ...args],
      {
        cwd: folder,
      },
    );
    return stdout.trim();
  }

  test("it sees its folder, what is exposed, and nothing else of the host", async () => {
    expect(await inside("echo /*; pwd; echo /dev/*")).toBe(
      "/bin /dev /lib /lib64 /usr /vm\n/vm\n/dev/null /dev/zero",
    );
    expect(await inside("cat /etc/shadow; ls /proc/1")).toMatch(
      /shadow: No such file[^]*proc\/1.*No such file/,
    );
  });

  test("it writes in its own part of the folder alone", async () => {
    expect(await inside("echo kept > run/file && cat run/file")).toBe("kept");
    expect(await inside("echo x > file")).toMatch(/Permission denied/);
    expect(await inside("echo x > /file")).toMatch(/Read-only|Permission denied/);
    expect(await inside("cp /bin/true run/program && run/program")).toMatch(/Permission denied/);
  });

  test("it is alone: first of its processes, in namespaces of its own, with another host name", async () => {
    expect(await inside("echo $$ $PPID; uname -n")).toBe("1 0\nvm");
  });

  test("its rights are gone, and cannot be had again", async () => {
    const status = await inside("cat /proc/self/status", { namespaces: new Set() });
    expect(status).toMatch(new RegExp(`^Uid:\\s+${UID}\\s+${UID}\\s+${UID}\\s+${UID}$`, "m"));
    expect(status).toMatch(/^Groups:\s*$/m);
    for (const set of ["Inh", "Prm", "Eff", "Bnd", "Amb"]) {
      expect(status).toMatch(new RegExp(`^Cap${set}:\\s+0000000000000000$`, "m"));
    }
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    // Where memory is short it ends before the daemon, which has 0.
    expect(await inside("cat /proc/self/oom_score_adj", { namespaces: new Set() })).toBe("200");
    for (const attempt of [
      "unshare --user true",
      "mount -t tmpfs x run",
      "nsenter -t 1 -m true",
      "su -c true",
    ]) {
      expect(await inside(`${attempt} && echo succeeded`), attempt).not.toContain("succeeded");
    }
  });

  test("it may open the devices that it is given, by their group where they are not everybody's", async () => {
    const group = 1_821_000;
    const device = join(folder, "device");
    await promisify(execFile)("mknod", [device, "c", "1", "5"]);
    await chown(device, 0, group);
    await chmod(device, 0o660);
    expect(await inside(`head -c 1 ${device} | wc -c; cat ${folder}/secret`, { devices: [device] })).toMatch(
      /^1\n.*No such file/,
    );
    expect(await inside(`cat < device | head -c 1`, { devices: ["/dev/null"] })).toMatch(/Permission denied/);
  });

  test("it writes no file beyond its limit, cannot raise that, and goes on", async () => {
    const write = "head -c 200000 /dev/zero > run/large; stat -c %s run/large";
    expect(await inside(write)).toMatch(/File too large\n100000$/);
    expect(await inside(`ulimit -f unlimited; ulimit -S -f 1000; ${write}`)).toMatch(
      /not permitted[^]*\n100000$/,
    );
    expect(await inside("ulimit -c")).toBe("0");
  });

  test("it has nothing of what its starter had open", async () => {
    await using secret = await open("/etc/shadow");
    const shell = `exec 3<&${secret.fd} 9<&${secret.fd} 200<&${secret.fd}; exec "$0" -- /bin/ls -l /proc/self/fd`;
    const { stdout } = await promisify(execFile)("bash", ["-c", shell, CONFINE_PATH]);
    expect(stdout).not.toContain("shadow");
    // Three standard ones, and the folder that ls itself reads.
    expect(stdout.match(/ -> /g)).toHaveLength(4);
  });

  test("its end is written down: a status or a signal", async () => {
    await inside("exit 7");
    expect(await readFile(join(folder, "exit"), "utf8")).toBe("exit 7\n");
    // The first of a namespace does not hear a signal of its own.
    await inside("kill -9 $$", { namespaces: new Set() });
    expect(await readFile(join(folder, "exit"), "utf8")).toBe("signal 9\n");
  });

  test("it is born in its group of version 2", async ({ skip }) => {
    const root = await hierarchyOfVersion2();
    if (root === undefined) skip("this host has no control groups of version 2");
    const group = join(root ?? "", `confine-test-${process.pid}`);
    await mkdir(group);
    const namespaces = new Set(NAMESPACE_KINDS.filter((kind) => kind !== "mount"));
    try {
      expect(await inside("cat /proc/self/cgroup", { groups: [group], namespaces })).toMatch(
        new RegExp(`^0::.*/confine-test-${process.pid}$`, "m"),
      );
    } finally {
      await rmdir(group);
    }
  });

  test("a host that gives no namespaces has the rest", async () => {
    const none = { namespaces: new Set<never>(), exposed: [] };
    expect(await inside("pwd; ulimit -c; cat /etc/shadow", none)).toMatch(
      /fastvm-confine-\w+\n0\n.*Permission denied/,
    );
  });

  test("what cannot be given is said, and the program does not start", async () => {
    const missing = [{ path: "/nowhere" }, ...EXPOSED];
    expect(await inside("echo started", { exposed: missing })).toBe(
      "confine: /nowhere: No such file or directory",
    );
  });
});

async function hierarchyOfVersion2(): Promise<string | undefined> {
  return /^cgroup2 (\S+)/m.exec(await readFile("/proc/mounts", "latin1"))?.[1];
}
