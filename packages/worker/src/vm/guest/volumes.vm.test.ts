/**
 * A volume in real guests: what is open there lives through capture and restore, what a copy must not believe it has is lost to it alone,
 * and a server that ends before its VM is followed by another.
 */
import { createReadStream } from "node:fs";
import { mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import {
  hookSteps,
  newSnapshotId,
  newVmId,
  newVolumeId,
  type ForkChild,
  type VmId,
  type VolumeId,
  type VolumeMount,
} from "@fastvm/contract";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readJournal } from "../../journal/journal.ts";
import { isAlive, type ProcessIdentity } from "../../processes/proc.ts";
import { ControlConnection } from "../../volumes/server/control.ts";
import { hashOf, makeTree, TREE, treeIn } from "../../testing/known-tree.ts";
import { DENY_ALL, templateSpec, TestWorker } from "../../testing/test-worker.ts";

const WORK = fileURLToPath(new URL("../../testing/volume-work.py", import.meta.url));
const PATH = "/mnt/data";
const IDENTITY = { hostname: "probe", envVars: {}, authorizedKeys: [] };
/** Of requests, each with a process of its own: `volume-work.py`. */
const KINDS = 8;
/** As a busy machine may need it. */
const LONG_MS = 300_000;
/** Far more than a guest takes that shares two processors with others. */
const PATIENCE_MS = 60_000;

let host: TestWorker;
let volumeId: VolumeId;
let root: string;

beforeAll(async () => {
  // As where the kernel lets nobody grow what is mounted, wherever this runs.
  host = await TestWorker.start({ growsMountedVolumes: false });
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

beforeEach(async () => {
  volumeId = newVolumeId();
  await host.worker.volumes.create({ volumeId, kind: "directory", sizeGib: 1 });
  await host.worker.volumes.usage([volumeId]);
  root = join(host.dataDir, "volumes", volumeId, "mount");
});

function mount(changes: Partial<VolumeMount> = {}): VolumeMount {
  return { volumeId, mountPath: PATH, readOnly: false, ...changes };
}

async function launch(): Promise<VmId> {
  const spec = { ...templateSpec(), volumes: [mount()] };
  expect((await host.worker.launch(spec)).mounts).toEqual([{ volumeId }]);
  return spec.vmId;
}

/** Until it is so. */
async function eventually<T>(look: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

/** Starts a program in the guest that goes on by itself; it has begun when the file is there. */
async function begin(vmId: VmId, program: string, begun: string): Promise<void> {
  await host.sh(
    vmId,
    `cd ${PATH}; python3 -c '${program}' >/tmp/log 2>&1 &
    for i in $(seq 1000); do [ -e ${begun} ] && exit; sleep 0.02; done; cat /tmp/log; exit 1`,
  );
}

async function serverOf(vmId: VmId): Promise<ProcessIdentity> {
  const process = (await readJournal(join(host.dataDir, "vms", vmId)))?.volumeServer?.process;
  if (process === undefined) throw new Error("the VM has no server");
  return process;
}

test("a part of a volume is all that the guest sees of it, and a link in its place is nothing", async () => {
  await mkdir(join(root, "part/in"), { recursive: true });
  await writeFile(join(root, "secret"), "of others");
  const spec = { ...templateSpec(), volumes: [mount({ subpath: "part" })] };
  expect((await host.worker.launch(spec)).mounts).toEqual([{ volumeId }]);
  expect(await host.sh(spec.vmId, `ls ${PATH}; ls ${PATH}/../data; echo text >${PATH}/in/file`)).toBe(
    "in\nin",
  );
  expect(await readFile(join(root, "part/in/file"), "utf8")).toBe("text\n");
  // It grows with what they see, and not while that would not be found again.
  const isRefused = () =>
    expect(host.worker.volumes.grow(volumeId, 2)).rejects.toThrow(`VM ${spec.vmId} has it, with a folder`);
  await rename(join(root, "part"), join(root, "moved"));
  await isRefused();
  // Nor with another one that has its name.
  await mkdir(join(root, "part/in"), { recursive: true });
  await isRefused();
  await rm(join(root, "part"), { recursive: true });
  await rename(join(root, "moved"), join(root, "part"));
  await host.worker.volumes.grow(volumeId, 2);
  expect(await host.sh(spec.vmId, `cat ${PATH}/in/file`)).toBe("text");
  await host.worker.volumes.detach(spec.vmId, volumeId, {});
  await symlink(".", join(root, "link"));
  for (const subpath of ["link", "gone", "secret"]) {
    const refused = host.worker.volumes.attach(spec.vmId, mount({ subpath }));
    await expect(refused).rejects.toMatchObject({ code: "conflict" });
  }
  await deleteAll(spec.vmId);
});

async function deleteAll(...vmIds: readonly VmId[]): Promise<void> {
  for (const vmId of vmIds) await host.worker.deleteVm(vmId);
  await host.worker.volumes.remove(volumeId);
}

/** As it says in the guest. */
const HOLDER = `
import fcntl, os, time
held = open("held", "w"); gone = open("gone", "w+"); kept = open("kept", "w+"); other = open("other", "w+")
for file in (gone, kept, other): file.write("text"); file.flush()
unlinked = open("unlinked", "w+"); os.unlink("unlinked")
fcntl.lockf(held, fcntl.LOCK_EX)
os.mkdir("in"); os.chdir("in")
open("../ready", "w").close()
def of(do):
    try: return do()
    except OSError as error: return error.errno
while not os.path.exists("/tmp/say"): time.sleep(0.02)
said = [of(lambda: os.pread(file.fileno(), 4, 0).decode()) for file in (kept, gone, other, unlinked)]
said += [of(lambda: os.write(held.fileno(), b"x")), os.getcwd(), of(lambda: open("made", "w").close())]
open("/tmp/said", "w").write(repr(said))
time.sleep(1000)
`;

/** What the program finds of what it has open. */
async function said(vmId: VmId): Promise<string> {
  return await host.sh(
    vmId,
    "touch /tmp/say; for i in $(seq 1000); do [ -s /tmp/said ] && break; sleep 0.02; done; cat /tmp/said /tmp/log",
  );
}

describe("a volume of a VM", () => {
  test("is a file system as programs expect one, and its files are the guest's on the host too", async () => {
    const vmId = await launch();
    await host.sh(
      vmId,
      `cd ${PATH} && mkdir d && echo told >d/file && ln -s d/file link && ln d/file hard && chown 1000:1000 d/file`,
    );
    expect(await readFile(join(root, "hard"), "utf8")).toBe("told\n");
    expect(await host.sh(vmId, `cat ${PATH}/link; stat -c '%u %g %h %s' ${PATH}/hard`)).toBe(
      "told\n1000 1000 2 5",
    );
    await writeFile(join(root, "of-host"), "seen");
    expect(await host.sh(vmId, `cat ${PATH}/of-host; rm ${PATH}/of-host; ls ${PATH}`)).toBe(
      "seend\nhard\nlink",
    );
    await deleteAll(vmId);
  });

  test(
    "goes on through ten pauses, whatever its guest was asking for",
    async () => {
      const vmId = await launch();
      const model = await makeTree(host, vmId, PATH);
      await host.worker.writeFile(vmId, "/tmp/work.py", createReadStream(WORK));
      await host.sh(vmId, `python3 /tmp/work.py ${PATH} one >/tmp/log 2>&1 & sleep 1; cat /tmp/log`);
      for (let round = 0; round < 10; round++) {
        // Each is at another place of what it does.
        await goesOn(vmId);
        await host.worker.pause(vmId);
        expect((await host.worker.resume(vmId, { volumes: [mount()] })).mounts).toEqual([{ volumeId }]);
      }
      await goesOn(vmId);
      expect(await treeIn(host, vmId, PATH)).toBe(model);
      await host.sh(vmId, `touch ${PATH}/stop`);
      const ends = await eventually(async () => {
        const text = await host.sh(vmId, "cd /tmp/work; grep . *; cat /tmp/log");
        expect(text).not.toMatch(/:\d+ $/m);
        return text;
      });
      expect(ends.split("\n").filter((line) => !line.endsWith(" done"))).toEqual([]);
      const written = (await readFile(join(root, "one/write/log"), "utf8")).trim().split("\n");
      expect(written).toEqual(written.map((_, index) => `${index + 1}`));
      const names = Number(/names:(\d+) done/.exec(ends)?.[1]);
      expect(await readdir(join(root, "one/names"))).toEqual([`n${names}`]);
      expect(await readdir(join(root, "one/folders"))).toEqual([]);
      expect(host.errors).toEqual([]);
      await deleteAll(vmId);
    },
    LONG_MS,
  );

  test(
    "is restored with what was open from a snapshot, and what changed meanwhile is stale alone",
    async () => {
      const vmId = await launch();
      await makeTree(host, vmId, PATH);
      await begin(vmId, HOLDER, "ready");
      const snapshotId = newSnapshotId();
      await host.worker.createSnapshot(vmId, snapshotId);
      expect(await said(vmId)).toBe("['text', 'text', 'text', '', 1, '/mnt/data/in', None]");
      await rm(join(root, "gone"));
      await rm(join(root, "other"));
      await writeFile(join(root, "other"), "else");
      await writeFile(join(root, "tree/3/3"), "changed");
      const copy = newVmId();
      const source = { kind: "snapshot", snapshotId } as const;
      const { mounts } = await host.worker.launch({
        ...templateSpec(),
        vmId: copy,
        source,
        volumes: [mount()],
      });
      expect(mounts).toEqual([{ volumeId }]);
      // ESTALE of what is another file, or none; EIO of what had no name, and of what was locked.
      expect(await said(copy)).toBe("['text', 116, 116, 5, 5, '/mnt/data/in', None]");
      expect(await host.sh(copy, `cat ${PATH}/other`)).toBe("else");
      expect(await treeIn(host, copy, PATH)).toBe(hashOf(new Map([...TREE, ["3/3", "changed"]])));
      await host.worker.deleteSnapshot(snapshotId);
      await deleteAll(vmId, copy);
    },
    LONG_MS,
  );

  test(
    "is shared with five children, none of which has its parent's lock",
    async () => {
      const vmId = await launch();
      const model = await makeTree(host, vmId, PATH);
      await begin(
        vmId,
        `
import fcntl, os, struct, time
held = open("held", "w"); beside = open("held", "r+"); fcntl.lockf(held, fcntl.LOCK_EX)
whole = open("whole", "w"); fcntl.flock(whole, fcntl.LOCK_EX)
own = open("own", "w"); fcntl.fcntl(own, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
count = 0
while not os.path.exists("/tmp/say"):
    count += 1; os.write(log, ("%s %d\\n" % (os.uname().nodename, count)).encode()); time.sleep(0.01)
    if count == 20: open("ready", "w").close()
def of(do):
    try: return do()
    except OSError as error: return error.errno
said = [of(lambda: os.write(file.fileno(), b"x")) for file in (held, beside, whole, own)]
open("/tmp/said", "w").write(repr(said))
time.sleep(1000)
`,
        "ready",
      );
      const children = Array.from({ length: 5 }, (_, index): ForkChild => ({
        vmId: newVmId(),
        identity: { ...IDENTITY, hostname: `child-${index}` },
        network: DENY_ALL,
        volumes: [[mount()], [mount()], [mount()], [mount({ readOnly: true })], []][index] ?? [],
      }));
      const forked = await host.worker.fork(vmId, children);
      expect(forked.children.map(({ ok }) => ok)).toEqual(children.map(() => true));
      const [, , , readOnly, none] = children.map((child) => child.vmId) as [VmId, VmId, VmId, VmId, VmId];
      for (const { vmId: child } of children.slice(0, 3)) {
        await eventually(async () => {
          const { identity } = children.find((one) => one.vmId === child) as ForkChild;
          const lines = (await readFile(join(root, "log"), "utf8")).split("\n");
          const own = lines.filter((line) => line.startsWith(`${identity.hostname} `));
          expect(own.length).toBeGreaterThan(3);
          const first = Number(own[0]?.split(" ")[1]);
          expect(first).toBeGreaterThan(1);
          expect(own.map((line) => Number(line.split(" ")[1]))).toEqual(own.map((_, at) => first + at));
        });
        expect(await said(child)).toBe("[5, 5, 5, 5]");
        expect(await treeIn(host, child, PATH)).toBe(model);
      }
      const attempt = `python3 -c 'import fcntl; f = open("${PATH}/held", "r+")
try: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB); print("free")
except OSError: print("held")'`;
      expect(await host.sh(children[0]?.vmId as VmId, attempt)).toBe("held");
      expect(await said(vmId)).toBe("[1, 1, 1, 1]");
      for (const reader of [vmId, readOnly]) expect(await treeIn(host, reader, PATH)).toBe(model);
      expect(await host.sh(readOnly, `cat ${PATH}/held; touch ${PATH}/no 2>&1 | grep -c Read-only`)).toMatch(
        /1$/,
      );
      expect(await host.sh(none, `ls -A ${PATH}`)).toBe("");
      await deleteAll(vmId, ...children.map((child) => child.vmId));
    },
    LONG_MS,
  );

  test(
    "comes back by itself when its server is killed, also while no daemon was there",
    async () => {
      const vmId = await launch();
      await host.sh(vmId, `cd ${PATH} && echo kept >kept && sync kept`);
      const other = newVolumeId();
      await host.worker.volumes.create({ volumeId: other, kind: "directory", sizeGib: 1 });
      await host.worker.volumes.attach(vmId, { volumeId: other, mountPath: "/mnt/other", readOnly: false });
      await host.sh(vmId, "echo other >/mnt/other/kept");
      const kill = async (): Promise<void> => {
        const server = await serverOf(vmId);
        process.kill(server.pid, "SIGKILL");
        await eventually(async () => expect(await isAlive(server)).toBe(false));
      };
      const both = `for i in $(seq 1000); do
        said=$(cat ${PATH}/kept /mnt/other/kept) && echo "$said" && exit; sleep 0.02; done 2>/dev/null; exit 1`;
      const begins = Promise.withResolvers<void>();
      const unhook = hookSteps((step) =>
        step === "volume-server.started" ? begins.promise : Promise.resolve(),
      );
      try {
        await kill();
        const failure = expect.stringContaining("another is being started") as string;
        expect(await host.worker.volumes.mounts(vmId)).toMatchObject([{ failure }, { failure }]);
      } finally {
        unhook();
        begins.resolve();
      }
      expect(await host.sh(vmId, both)).toBe("kept\nother");
      expect(await host.worker.volumes.mounts(vmId)).toEqual([{ volumeId }, { volumeId: other }]);
      await host.restart(kill);
      expect(await host.sh(vmId, both)).toBe("kept\nother");
      // Adopted with the server that it has.
      const server = await serverOf(vmId);
      await host.restart();
      expect(await host.sh(vmId, both)).toBe("kept\nother");
      expect(await isAlive(server)).toBe(true);
      await kill();
      expect(await host.sh(vmId, both)).toBe("kept\nother");
      await host.worker.deleteVm(vmId);
      await host.worker.volumes.remove(other);
      await deleteAll();
    },
    LONG_MS,
  );

  test(
    "goes on with what was open when its server is killed, and nothing that was synced is lost or there twice",
    async () => {
      const vmId = await launch();
      await begin(
        vmId,
        `
import os, time
os.mkdir("in"); os.chdir("in")
log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
kept = open("kept", "w+b", buffering=0); kept.write(b"text")
said = open("/tmp/said", "w", buffering=1)
for count in range(1, 1 << 30):
    word = "done"
    try: os.write(log, b"%d\\n" % count); os.fsync(log)
    except OSError as error: word = str(error.errno)
    assert os.pread(kept.fileno(), 4, 0) == b"text"
    said.write("%d %s\\n" % (count, word))
    if count == 20: open("../ready", "w").close()
    if os.path.exists("../stop"): break
said.write("over\\n")
`,
        "ready",
      );
      const told = async (): Promise<readonly string[]> =>
        (await host.sh(vmId, "cat /tmp/said /tmp/log")).split("\n");
      for (let kill = 0; kill < 5; kill++) {
        const server = await serverOf(vmId);
        process.kill(server.pid, "SIGKILL");
        await eventually(async () => expect(await serverOf(vmId)).not.toEqual(server));
        const before = (await told()).length;
        await eventually(async () => expect((await told()).length).toBeGreaterThan(before + 3));
      }
      await writeFile(join(root, "stop"), "");
      await eventually(async () => expect((await told()).at(-1)).toBe("over"));
      const outcomes = (await told()).slice(0, -1).map((line) => line.split(" "));
      const doubtful = outcomes.filter(([, word]) => word !== "done");
      // At most the one that was being done; it may be there or not, as nobody knows.
      expect(doubtful.length).toBeLessThanOrEqual(5);
      expect(doubtful.filter(([, word]) => word !== "5")).toEqual([]);
      const written = (await readFile(join(root, "in/log"), "utf8")).trim().split("\n");
      const isDoubtful = new Set(doubtful.map(([count]) => count));
      expect(written.filter((count) => !isDoubtful.has(count))).toEqual(
        outcomes.filter(([, word]) => word === "done").map(([count]) => count),
      );
      expect(host.errors).toEqual([]);
      await deleteAll(vmId);
    },
    LONG_MS,
  );

  test("grows under VMs that hold locks and wait for them; one that dies gives them back within a second", async () => {
    const [vmId, other] = [await launch(), await launch()];
    const take = `
import fcntl, os, struct, sys, threading, time
def take(kind):
    file = open("held-" + kind, "w")
    if kind == "whole": fcntl.flock(file, fcntl.LOCK_EX)
    elif kind == "own": fcntl.fcntl(file, 38, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
    else: fcntl.lockf(file, fcntl.LOCK_EX)
    os.mkdir("by-" + sys.argv[1] + "-" + kind)
    while not os.path.exists("/tmp/say"): time.sleep(0.05)
    os.write(file.fileno(), (sys.argv[1] + "-" + kind).encode())
    threading.Event().wait()
for kind in ("posix", "whole", "own"): threading.Thread(target=take, args=(kind,)).start()
open("begun-" + sys.argv[1], "w").close()`;
    const locks = async (who: string) =>
      (await readdir(root)).filter((name) => name.startsWith(`by-${who}-`));
    const writes = async () =>
      await Promise.all(
        ["own", "posix", "whole"].map((kind) => readFile(join(root, `held-${kind}`), "utf8")),
      );
    for (const [each, who] of [
      [vmId, "one"],
      [other, "other"],
    ] as const) {
      await host.sh(each, `cd ${PATH}; python3 -c '${take}' ${who} >/tmp/log 2>&1 &`);
      await eventually(async () => expect(await readdir(root)).toContain(`begun-${who}`));
      if (who === "one") await eventually(async () => expect(await locks(who)).toHaveLength(3));
    }
    await eventually(async () => expect(await waiting(other)).toBe(3));
    const sizes = async () =>
      await Promise.all(
        [vmId, other].map(async (each) =>
          Number(await host.sh(each, `df --output=size -m ${PATH} | tail -1`)),
        ),
      );
    const [before = 0] = await sizes();
    await host.worker.volumes.grow(volumeId, 2);
    for (const size of await sizes()) expect(size - before).toBeGreaterThan(900);
    expect(await waiting(other)).toBe(3);
    expect(await locks("other")).toEqual([]);
    await host.sh(vmId, "touch /tmp/say");
    await eventually(async () => expect(await writes()).toEqual(["one-own", "one-posix", "one-whole"]));
    const server = await serverOf(vmId);
    const { process: qemu } = (await readJournal(join(host.dataDir, "vms", vmId))) ?? {};
    const killed = performance.now();
    process.kill(qemu?.pid ?? 0, "SIGKILL");
    // Where the promise is kept: when the guest's own processes come to run is its machine's affair.
    while ((await waiting(other)) !== 0 && performance.now() - killed < PATIENCE_MS) await sleep(5);
    expect(performance.now() - killed).toBeLessThan(1_000);
    expect(await waiting(other)).toBe(0);
    await eventually(async () => expect(await locks("other")).toHaveLength(3));
    await eventually(async () => expect(await isAlive(server)).toBe(false));
    await deleteAll(vmId, other);
    await expect(stat(root)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

test("grows, whenever its server is killed, and not while a file is open that has no name", async () => {
  const vmId = await launch();
  const writes = `
import os, sys, time
file, at = os.open("log", os.O_WRONLY | os.O_CREAT), 0
gone = os.open("gone", os.O_RDWR | os.O_CREAT)
os.write(gone, b"here"); os.unlink("gone")
open("begun", "w").close()
while True:
    if gone >= 0 and os.path.exists("/tmp/close"):
        assert os.pread(gone, 9, 0) == b"here"
        os.close(gone); gone = -1
        open("closed", "w").close()
    os.pwrite(file, b"%07d\\n" % at, at * 8); os.fsync(file)
    at += 1
    time.sleep(0.01)`;
  await begin(vmId, writes, "begun");
  const lines = async () => (await readFile(join(root, "log"), "utf8")).split("\n").slice(0, -1);
  const goesOnWriting = async () => {
    const before = await eventually(lines);
    await eventually(async () => expect((await lines()).length).toBeGreaterThan(before.length + 3));
  };
  const size = async () => (await host.worker.volumes.usage([volumeId]))[0]?.sizeGib;

  const refused = host.worker.volumes.grow(volumeId, 2);
  await expect(refused).rejects.toMatchObject({ code: "volume_busy" });
  await expect(refused).rejects.toThrow(`VM ${vmId} has it, with a file open`);
  expect(await size()).toBe(1);
  await goesOnWriting();
  await host.sh(vmId, "touch /tmp/close");
  await eventually(async () => expect(await readdir(root)).toContain("closed"));

  const steps = ["volume-server.frozen", "volume-server.parked", "volume-server.has-again"] as const;
  for (const [at, name] of steps.entries()) {
    let killed: number | undefined;
    const unhook = hookSteps(async (step) => {
      if (step !== name) return;
      killed = (await serverOf(vmId)).pid;
      process.kill(killed, "SIGKILL");
      while (await isAlive(await serverOf(vmId))) await sleep(5);
    });
    const grown = host.worker.volumes.grow(volumeId, at + 2);
    // Before anybody has given it up it is refused; afterwards it is grown, whoever does not come back.
    if (name === "volume-server.frozen") await expect(grown).rejects.toMatchObject({ code: "volume_busy" });
    else await grown;
    unhook();
    expect(killed).toBeDefined();
    expect(await size()).toBe(name === "volume-server.frozen" ? at + 1 : at + 2);
    await eventually(async () => expect((await serverOf(vmId)).pid).not.toBe(killed));
    await goesOnWriting();
    if (name === "volume-server.frozen") await host.worker.volumes.grow(volumeId, at + 2);
    expect(await size()).toBe(at + 2);
    // That the one that was killed does not have it again, and nothing else.
    const errors = host.errors.splice(0).map(String);
    if (name === "volume-server.parked")
      expect(errors).toEqual([expect.stringMatching(/fastvm-volume: .*volume\.sock: Connection refused/)]);
    else expect(errors).toEqual([]);
  }
  const written = await lines();
  expect(written).toEqual(written.map((_, at) => `${at}`.padStart(7, "0")));
  expect(await host.sh(vmId, "cat /tmp/log")).toBe("");
  await deleteAll(vmId);
});

/** How many of its locks somebody else has. */
async function waiting(vmId: VmId): Promise<unknown> {
  using connection = await ControlConnection.open(join(host.dataDir, "vms", vmId, "run/volume.sock"));
  const { told } = await connection.ask("list");
  return (told["attachments"] as readonly { readonly waiting: number }[])[0]?.waiting;
}

/** How often each of the processes was through. */
async function counted(vmId: VmId): Promise<ReadonlyMap<string, number>> {
  const text = await host.sh(vmId, "cd /tmp/work; grep . *");
  const counts = text.split("\n").map((line) => line.split(/[: ]/));
  if (counts.length < KINDS || counts.some(([, count]) => Number.isNaN(Number(count)))) throw new Error(text);
  return new Map(counts.map(([kind = "", count]) => [kind, Number(count)]));
}

async function goesOn(vmId: VmId): Promise<void> {
  const before = await eventually(() => counted(vmId));
  await eventually(async () => {
    const now = await counted(vmId);
    expect([...now].filter(([kind, count]) => count <= (before.get(kind) ?? 0) + 1)).toEqual([]);
  });
}
