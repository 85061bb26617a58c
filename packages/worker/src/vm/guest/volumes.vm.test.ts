/**
 * A folder of the host in real guests: what is open there lives through capture and restore, and what a copy must not believe it has is
 * lost to it alone.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hookSteps, newVmId, type StepName, type VmId } from "@fastvm/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Verb } from "../../guest-link/verb-stream.ts";
import { runTool } from "../../processes/spawn.ts";
import { FS_SOCKET } from "../../qemu/machine.ts";
import { inGuest, TestContext } from "../../testing/test-context.ts";
import { DENY_ALL } from "../../testing/test-worker.ts";
import type { Vm } from "../state/vm.ts";
import { vmFolder } from "../state/worker-context.ts";
import { fork } from "../transitions/fork.ts";
import { pause } from "../transitions/pause.ts";
import { resume } from "../transitions/resume.ts";

const PROGRAM = fileURLToPath(new URL("../../../native/build/fastvm-volume", import.meta.url));
const SERVER_UID = 1_830_000;
const TIMEOUT_MS = 20_000;

/** A server beside a VM, and the worker's end of its control socket. */
class VolumeServer {
  static async start(folder: string, root: string, table?: Buffer): Promise<VolumeServer> {
    const control = join(folder, "run/volume.sock");
    const args = ["serve", "--port", join(folder, FS_SOCKET), "--control", control];
    const child = spawn(PROGRAM, [...args, "--user", `${SERVER_UID}`, "--rights", "owner"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    const socket = createConnection(control);
    await once(socket, "connect");
    const server = new VolumeServer(child, socket);
    if (table !== undefined) await server.ask(`load bytes=${table.length}`, table);
    await runTool(PROGRAM, ["attach", "--control", control, "--tag", "data", "--path", root], {
      timeoutMs: TIMEOUT_MS,
    });
    return server;
  }

  readonly #child: ChildProcess;
  readonly #socket: Socket;

  private constructor(child: ChildProcess, socket: Socket) {
    this.#child = child;
    this.#socket = socket;
  }

  async ask(line: string, body: Buffer = Buffer.alloc(0)): Promise<Buffer> {
    this.#socket.write(Buffer.concat([Buffer.from(`${line}\n`), body]));
    let received = Buffer.alloc(0);
    for (;;) {
      const [chunk] = (await once(this.#socket, "data")) as [Buffer];
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\n");
      if (end < 0) continue;
      const answer = JSON.parse(received.subarray(0, end).toString()) as { ok: boolean; bytes?: number };
      if (!answer.ok) throw new Error(`${line}: ${received.toString()}`);
      const rest = received.subarray(end + 1);
      if (rest.length === (answer.bytes ?? 0)) return rest;
    }
  }

  async end(): Promise<void> {
    this.#socket.destroy();
    if (this.#child.exitCode === null) {
      this.#child.kill("SIGKILL");
      await once(this.#child, "exit");
    }
  }
}

describe("a volume of a VM", () => {
  let host: TestContext;
  let root: string;
  const servers = new Map<VmId, VolumeServer>();
  let table: Buffer | undefined;
  let unhook: () => void = () => undefined;

  beforeAll(async () => {
    host = await TestContext.open();
    root = await mkdtemp(join(host.context.config.dataDir, "volume-"));
  });

  afterAll(async () => {
    unhook();
    for (const server of servers.values()) await server.end();
    await host[Symbol.asyncDispose]();
    expect(host.errors).toEqual([]);
  });

  async function mount(vm: Vm): Promise<void> {
    const request = { verb: Verb.MOUNT, path: "/mnt/data", volume: "data" };
    for await (const nothing of (await vm.link({})).verb(request)) void nothing;
  }

  async function launch(): Promise<Vm> {
    unhook();
    const vm = await host.launch();
    servers.set(vm.record.vmId, await VolumeServer.start(vm.folder, root));
    await mount(vm);
    return vm;
  }

  function current(vmId: VmId): Vm {
    const vm = host.context.vms.get(vmId);
    if (vm === undefined) throw new Error("no such VM");
    return vm;
  }

  function serverOf(vm: Vm): VolumeServer {
    const server = servers.get(vm.record.vmId);
    if (server === undefined) throw new Error("no server");
    return server;
  }

  /** As a worker does: freezes before the stop, saves while all stands, and gives the table to the servers of copies before they run. */
  function capturing(source: Vm, copies: readonly VmId[]): void {
    unhook();
    const waiting = [...copies];
    unhook = hookSteps(async (passed: StepName) => {
      if (passed === "capture.quiesced") await serverOf(source).ask("freeze");
      if (passed === "capture.copied") table = await serverOf(source).ask("save");
      if (passed === "capture.continued") await serverOf(source).ask("thaw");
      if (passed !== "restore.slot-taken") return;
      const id = waiting.shift();
      if (id === undefined) throw new Error("nobody's restore");
      servers.set(id, await VolumeServer.start(vmFolder(host.context.config, id), root, table));
    });
  }

  test("is a file system as programs expect one, and its files are the guest's on the host too", async () => {
    const vm = await launch();
    await inGuest(
      vm,
      "cd /mnt/data && mkdir d && echo told >d/file && ln -s d/file link && ln d/file hard && chown 1000:1000 d/file",
    );
    expect(await readFile(join(root, "hard"), "utf8")).toBe("told\n");
    expect(await inGuest(vm, "cat /mnt/data/link; stat -c '%u %g %h %s' /mnt/data/hard")).toBe(
      "told\n1000 1000 2 5",
    );
    await writeFile(join(root, "of-host"), "seen");
    expect(await inGuest(vm, "cat /mnt/data/of-host; rm /mnt/data/of-host; ls /mnt/data")).toBe(
      "seend\nhard\nlink",
    );
    const found = await inGuest(
      vm,
      `python3 -c '
import sqlite3
db = sqlite3.connect("/mnt/data/db")
db.execute("create table t(a)")
for i in range(20):
    db.execute("insert into t values (?)", (i,)); db.commit()
print(*db.execute("select count(*) from t").fetchone(), *db.execute("pragma integrity_check").fetchone())'`,
    );
    expect(found).toBe("20 ok");
  });

  test("goes on in a paused and resumed VM with what was open, and loses a lock alone", async () => {
    const vm = await launch();
    await inGuest(
      vm,
      `cd /mnt/data; python3 -c '
import fcntl, os, time
out = open("written", "w"); held = open("held", "w"); inside = open("of-before", "w+")
gone = open("gone", "w+"); gone.write("x"); gone.flush(); os.unlink("gone")
fcntl.lockf(held, fcntl.LOCK_EX); inside.write("before"); inside.flush()
open("ready", "w").close()
count = 0
while not os.path.exists("stop"):
    count += 1; out.write("%d\\n" % count); out.flush(); time.sleep(0.01)
def of(do):
    try: return do()
    except OSError as error: return error.errno
inside.seek(0)
written, read = of(lambda: os.write(held.fileno(), b"x")), of(lambda: os.pread(gone.fileno(), 1, 0))
print(inside.read(), written, read, os.getcwd(), file=open("/tmp/found", "w"))
' >/tmp/log 2>&1 & for i in $(seq 500); do [ -e ready ] && exit; sleep 0.02; done; cat /tmp/log; exit 1`,
    );
    for (let round = 0; round < 3; round++) {
      const { vmId } = vm.record;
      capturing(current(vmId), [vmId]);
      await pause(host.context, current(vmId));
      await servers.get(vmId)?.end();
      await resume(host.context, current(vmId), {});
      await inGuest(
        current(vmId),
        "ls -l /mnt/data >/dev/null && before=$(wc -l </mnt/data/written); " +
          "for i in $(seq 500); do [ $(wc -l </mnt/data/written) -gt $before ] && exit; sleep 0.02; done; exit 1",
      );
    }
    const found = await inGuest(
      current(vm.record.vmId),
      "touch /mnt/data/stop; for i in $(seq 500); do [ -s /tmp/found ] && break; sleep 0.02; done; cat /tmp/found /tmp/log",
    );
    expect(found).toBe("before 5 5 /mnt/data");
    const lines = (await readFile(join(root, "written"), "utf8")).trim().split("\n");
    expect(lines).toEqual(lines.map((_, index) => `${index + 1}`));
  });

  test("is shared by a fork, which does not have its parent's lock", async () => {
    const vm = await launch();
    await rm(join(root, "stop"), { force: true });
    await inGuest(
      vm,
      `cd /mnt/data; python3 -c '
import fcntl, os, time
held = open("of-parent", "w"); fcntl.lockf(held, fcntl.LOCK_EX); open("locked", "w").close()
while not os.path.exists("/tmp/try"): time.sleep(0.02)
try: os.write(held.fileno(), b"mine"); said = "written"
except OSError as error: said = str(error.errno)
open("/tmp/said", "w").write(said)
time.sleep(1000)
' >/tmp/log 2>&1 & for i in $(seq 500); do [ -e locked ] && exit; sleep 0.02; done; exit 1`,
    );
    const child = newVmId();
    capturing(vm, [child]);
    await fork(host.context, vm, [{ vmId: child, identity: vm.record.identity, network: DENY_ALL }]);
    const copy = current(child);
    const ask =
      "touch /tmp/try; for i in $(seq 500); do [ -s /tmp/said ] && break; sleep 0.02; done; cat /tmp/said /tmp/log";
    expect(await inGuest(copy, ask)).toBe("5");
    const attempt = `python3 -c 'import fcntl; f = open("/mnt/data/of-parent", "r+")
try: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB); print("free")
except OSError: print("held")'`;
    expect(await inGuest(copy, attempt)).toBe("held");
    expect(await inGuest(vm, ask)).toBe("written");
    expect(await readFile(join(root, "of-parent"), "utf8")).toBe("mine");
  });

  test("comes back with names, without open files, when its server is killed", async () => {
    const vm = await launch();
    await inGuest(vm, "cd /mnt/data && echo kept >kept && (sleep 1000 >/dev/null 2>&1 <kept &)");
    await serverOf(vm).end();
    servers.set(vm.record.vmId, await VolumeServer.start(vm.folder, root));
    expect(
      await inGuest(
        vm,
        "for i in $(seq 100); do cat /mnt/data/kept && exit; sleep 0.05; done 2>/dev/null; exit 1",
      ),
    ).toBe("kept");
  });
});
