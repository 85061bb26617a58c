/**
 * A volume is as a local ext4 to programs, through one VM and through two: lists of operations drawn from a seed, which lock stands in the
 * way of which, databases. FASTVM_TEST_SEED, FASTVM_TEST_OPERATIONS and FASTVM_TEST_TRANSACTIONS ask for others, and for more.
 */
import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { newVmId, newVolumeId, type VmId, type VolumeId } from "@fastvm/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readJournal } from "../../journal/journal.ts";
import { ControlConnection } from "../../volumes/server/control.ts";
import { DENY_ALL, templateSpec, TestWorker } from "../../testing/test-worker.ts";

const run = promisify(execFile);
const SEED = Number(process.env["FASTVM_TEST_SEED"] || randomInt(2 ** 31));
const OPERATIONS = Number(process.env["FASTVM_TEST_OPERATIONS"] || 600);
/** Of each of three writers. */
const TRANSACTIONS = Math.ceil(Number(process.env["FASTVM_TEST_TRANSACTIONS"] || 60) / 3);
const PROGRAMS = ["lock-matrix.py", "file-operations.py", "transactions.py"] as const;
/** In a guest that shares two processors with others; more for longer lists. */
const LONG_MS = 100_000 + 50 * OPERATIONS + 1_000 * TRANSACTIONS;
/** As a build leaves it, which takes a minute in a guest. */
const A_WHEEL = `
from zipfile import ZipFile
folder = "of_test-1.dist-info"
with ZipFile("of_test-1-py3-none-any.whl", "w") as wheel:
    wheel.writestr("of_test.py", "found = 7")
    wheel.writestr(f"{folder}/METADATA", "Metadata-Version: 2.1\\nName: of-test\\nVersion: 1\\n")
    wheel.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{folder}/RECORD", "".join(f"{name},,\\n" for name in wheel.namelist()))
`;

let host: TestWorker;
let volumeId: VolumeId;
let one: VmId;
let other: VmId;
let root: string;

beforeAll(async () => {
  host = await TestWorker.start();
  volumeId = newVolumeId();
  await host.worker.volumes.create({ volumeId, kind: "directory", sizeGib: 1 });
  await host.worker.volumes.usage([volumeId]);
  root = join(host.dataDir, "volumes", volumeId, "mount");
  [one, other] = await Promise.all([launch(volumes()), launch([])]);
}, LONG_MS);

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

function volumes() {
  return [{ volumeId, mountPath: "/mnt/data", readOnly: false }];
}

/** What the guest may keep of it. */
async function cacheOf(vmId: VmId): Promise<unknown> {
  using connection = await ControlConnection.open(join(host.dataDir, "vms", vmId, "run/volume.sock"));
  const { told } = await connection.ask("list");
  return (told["attachments"] as readonly { readonly cache: string }[])[0]?.cache;
}

async function launch(mounts: ReturnType<typeof volumes>): Promise<VmId> {
  const spec = { ...templateSpec(), volumes: mounts };
  await host.worker.launch(spec);
  for (const name of PROGRAMS) {
    await host.worker.writeFile(spec.vmId, `/root/${name}`, createReadStream(program(name)));
  }
  return spec.vmId;
}

function program(name: (typeof PROGRAMS)[number]): string {
  return fileURLToPath(new URL(`../../testing/${name}`, import.meta.url));
}

describe(`a volume (seed ${SEED})`, () => {
  test(
    "gives one VM that has it alone, and keeps what it is told, the results that its own disk gives",
    async () => {
      expect(await cacheOf(one)).toBe("exclusive");
      const list = `python3 /root/file-operations.py`;
      const local = await host.sh(one, `${list} /root/local ${SEED} ${OPERATIONS}`);
      expect(local.split("\n")).toHaveLength(OPERATIONS);
      const shared = await host.sh(one, `${list} /mnt/data/alone ${SEED} ${OPERATIONS}`);
      expect(shared.split("\n")).toEqual(local.split("\n"));
    },
    LONG_MS,
  );

  test(
    "gives two VMs that take turns the results that two processes have on one disk",
    async () => {
      await host.worker.volumes.attach(other, { volumeId, mountPath: "/mnt/data", readOnly: false });
      expect([await cacheOf(one), await cacheOf(other)]).toEqual(["shared", "shared"]);
      const count = Math.ceil(OPERATIONS / 2);
      const part = (at: number) =>
        `python3 /root/file-operations.py`.concat(` $F ${SEED + 1} ${count} ${at} 2`);
      const local = await host.sh(
        one,
        `F=/root/turns; ${part(0)} >/tmp/first & F=/root/turns; ${part(1)}; wait; cat /tmp/first`,
      );
      const [first, second] = await Promise.all([
        host.sh(one, `F=/mnt/data/turns; ${part(0)}`),
        host.sh(other, `F=/mnt/data/turns; ${part(1)}`),
      ]);
      expect(`${second}\n${first}`.split("\n")).toEqual(local.split("\n"));
    },
    LONG_MS,
  );

  test(
    "has a lock stand in the way of another where a local disk has, in one VM and in two",
    async () => {
      const matrix = "python3 /root/lock-matrix.py";
      const local = (await host.sh(one, `${matrix} /root/locks both`)).split("\n");
      expect(local.length).toBeGreaterThan(100);
      expect((await host.sh(one, `${matrix} /mnt/data/locks both`)).split("\n")).toEqual(local);
      const [, tried] = await Promise.all([
        host.sh(one, `${matrix} /mnt/data/locks-of-two hold`),
        host.sh(other, `${matrix} /mnt/data/locks-of-two try`),
      ]);
      expect(tried.split("\n")).toEqual(local.filter((line) => !line.startsWith("alone")));
    },
    LONG_MS,
  );

  test(
    "keeps a database whole that two VMs and the host write, of whom one is paused, forked and killed",
    async () => {
      await run("python3", [program("transactions.py"), join(root, "db"), "make"]);
      const write = (who: string) => `python3 /root/transactions.py /mnt/data/db ${who} ${TRANSACTIONS}`;
      for (const [vmId, who] of [
        [one, "one"],
        [other, "other"],
      ] as const) {
        await host.sh(vmId, `(${write(who)}; echo ended) >/tmp/said 2>&1 &`);
      }
      const ofHost = run("python3", [
        program("transactions.py"),
        join(root, "db"),
        "host",
        `${TRANSACTIONS}`,
      ]);
      const check = async () =>
        (await run("python3", [program("transactions.py"), join(root, "db"), "check"])).stdout.trim();
      await host.worker.pause(one);
      expect(await check()).toMatch(/^ok /);
      await host.worker.resume(one, { volumes: volumes() });
      const child = newVmId();
      const identity = { hostname: "child", envVars: {}, authorizedKeys: [] };
      await host.worker.fork(one, [{ vmId: child, identity, network: DENY_ALL, volumes: volumes() }]);
      const journal = await readJournal(join(host.dataDir, "vms", one));
      expect(await check()).toMatch(/^ok /);
      process.kill(journal?.process?.pid ?? 0, "SIGKILL");
      expect(await check()).toMatch(/^ok /);
      await ofHost;
      // What it had not done its child does.
      for (const vmId of [child, other]) {
        const said = await ended(vmId);
        expect(said).toMatch(/^\d+ kept\nended$/);
      }
      expect(await check()).toBe(`ok ${TRANSACTIONS * 3} ${TRANSACTIONS * 3}`);
      await host.worker.deleteVm(one);
      one = child;
    },
    LONG_MS,
  );

  test(
    "carries a repository, a build side by side, and an installation of packages",
    async () => {
      const done = await host.sh(
        one,
        `set -e; export HOME=/root; mkdir -p /root/repo/many /root/package; cd /root/repo
for i in $(seq 12); do echo "int f$i(void) { return $i; }" >many/f$i.c; done
printf 'many := $(wildcard many/*.c)\nall: $(many:.c=.o)\n\tar rc all.a $^\n' >Makefile
git init -q . && git add . && git -c user.name=a -c user.email=a@b commit -qm first
git clone -q /root/repo /mnt/data/clone; cd /mnt/data/clone; git fsck --strict 2>&1; git status --porcelain
make -s -j4 CFLAGS=-O0 && ar t all.a | wc -l
cd /root/package; python3 -c '${A_WHEEL}'
pip install -q --no-index --find-links /root/package --root-user-action ignore --target /mnt/data/site of_test 2>&1
PYTHONPATH=/mnt/data/site python3 -c 'import of_test; print(of_test.found)'`,
      );
      expect(done).toBe("12\n7");
    },
    LONG_MS,
  );

  test("refuses a database with a shared memory map loudly", async () => {
    const wal = `
import sqlite3
db = sqlite3.connect("/mnt/data/wal")
try:
    db.execute("pragma journal_mode=wal"); db.execute("create table t(a)"); db.commit(); print("as if it worked")
except sqlite3.OperationalError as error: print("refused")
`;
    expect(await host.sh(one, `python3 -c '${wal}'`)).toBe("refused");
  });

  test("lets a VM that keeps silent lose it by force, and says so", async () => {
    const { process: qemu, volumeServer } = (await readJournal(join(host.dataDir, "vms", other))) ?? {};
    process.kill(qemu?.pid ?? 0, "SIGSTOP");
    try {
      const detached = await host.worker.volumes.detach(other, volumeId, { force: true });
      expect(detached.warnings).toMatchObject([{ type: "guest_unresponsive" }]);
      expect(await host.worker.volumes.mounts(other)).toEqual([]);
    } finally {
      process.kill(qemu?.pid ?? 0, "SIGCONT");
    }
    // Whoever still has it is answered by errors.
    expect(await host.sh(other, "ls /mnt/data 2>/dev/null || echo none")).toBe("none");
    expect(volumeServer).toBeDefined();
  });

  test("is served by a process that can do nothing else", async () => {
    const server = (await readJournal(join(host.dataDir, "vms", one)))?.volumeServer?.process.pid;
    const status = await readFile(`/proc/${server}/status`, "utf8");
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^Uid:\t19\d{8}\t/m);
    // CHOWN, DAC_OVERRIDE, FOWNER, FSETID.
    expect(status).toMatch(/^CapEff:\t000000000000001b$/m);
    expect(status).toMatch(/^CapBnd:\t000000000000001b$/m);
    for (const kind of ["mnt", "net", "ipc", "uts"]) {
      const [its, ours] = await Promise.all(
        [server, "self"].map((pid) => run("readlink", [`/proc/${pid}/ns/${kind}`])),
      );
      expect(its?.stdout, kind).not.toBe(ours?.stdout);
    }
    expect(await readFile(`/proc/${server}/cgroup`, "utf8")).toMatch(
      /fastvm-[^/]+\/fastvm-[0-9a-f-]+-volumes$/m,
    );
  });
});

async function ended(vmId: VmId): Promise<string> {
  for (;;) {
    const said = await host.sh(vmId, "cat /tmp/said");
    if (said.endsWith("ended")) return said;
    await sleep(200);
  }
}
