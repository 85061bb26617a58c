/**
 * Daemons, QEMUs and volume servers that are killed while VMs write to a volume: what was synced and said so is there, its VM goes on, and
 * nothing stays. Two rounds and a daemon that ends at one step of a growth; FASTVM_TEST_ROUNDS asks for more rounds, and so for all these
 * steps, FASTVM_TEST_SEED for the same ones again.
 */
import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm, Volume } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { seededRandom } from "../harness/seeded-random.ts";
import { Steps } from "../harness/steps.ts";

const SEED = Number(process.env["FASTVM_TEST_SEED"] || randomInt(2 ** 31));
const ROUNDS = Number(process.env["FASTVM_TEST_ROUNDS"] || 2);
const MAX_DELAY_MS = 1_500;
const PATIENCE_MS = 90_000;

/** Says a number once its line is on the disk. What it has open may be lost with a server, and is opened again. */
const WRITER = `
import fcntl, os, sys
name, count, file = sys.argv[1], 0, None
while True:
    try:
        if file is None:
            file = os.open("/mnt/data/" + name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, b"%d\\n" % (count + 1)); os.fsync(file)
        count += 1
        print(count, flush=True)
    except OSError as error:
        if error.errno not in (5, 116): raise
        if file is not None:
            try: os.close(file)
            except OSError: pass
        file = None
`;
/** Goes on for as long as what it has open does. */
const HOLDER = `
import os, time
file, at = os.open("/mnt/data/held", os.O_WRONLY | os.O_CREAT), 0
while True:
    os.pwrite(file, b"%07d\\n" % at, at * 8); os.fsync(file)
    at += 1
    time.sleep(0.02)
`;
const TAKE_LOCK = `
import fcntl, os, sys
fcntl.flock(os.open("/mnt/data/" + sys.argv[1], os.O_WRONLY), fcntl.LOCK_EX)
`;

interface Scene {
  readonly client: FastvmClient;
  readonly vm: Vm;
  readonly volume: Volume;
  readonly other: Volume;
}

const OPERATIONS: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  nothing: () => Promise.resolve(),
  "a pause and a resume": async ({ client, vm }) => {
    await client.vms.pause(vm);
    await client.vms.resume(vm);
  },
  "a fork": ({ client, vm }) => client.vms.fork(vm, { count: 1 }),
  "a snapshot": ({ client, vm }) => client.snapshots.create({ vmId: vm.id }),
  "an attachment": async ({ client, vm, other }) => {
    await client.vms.volumes.attach(vm, { volumeId: other.id, mountPath: "/mnt/other" });
    await client.vms.volumes.detach(vm, other, { force: true });
  },
  "a growth": async ({ client, volume }) => {
    const { sizeGiB } = await client.volumes.get(volume);
    await client.volumes.update(volume, { sizeGiB: sizeGiB + 1 });
  },
};
const GROWTH_STEPS = [
  "volume.growth-reserved",
  "volume-server.frozen",
  "volume-server.parked",
  "volume.allocated",
  "volume-server.has-again",
] as const;
const VICTIMS = ["server", "daemon", "qemu"] as const;

describe(`volumes of which somebody is killed (seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  /** Each that there was. */
  const servers = new Set<number>();
  let steps: Steps;
  let daemon: TestDaemon;
  let client: FastvmClient;
  let volume: Volume;
  let other: Volume;
  let vm: Vm;
  let bystander: Vm;

  beforeAll(async () => {
    steps = await Steps.make();
    // As where the kernel lets nobody grow what is mounted, wherever this runs.
    const settings = { stepsFolder: steps.folder, growsMountedVolumes: false };
    daemon = await TestDaemon.start({ poolSize: 0, settings });
    client = daemon.client;
    volume = await client.volumes.create({ name: "data", sizeGiB: 1 });
    other = await client.volumes.create({ name: "other", sizeGiB: 1 });
    [vm, bystander] = await Promise.all([launch(), launch()]);
  });

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await steps.remove();
  });

  async function launch(): Promise<Vm> {
    const volumes = [{ volumeId: volume.id, mountPath: "/mnt/data" }];
    const launched = await client.vms.launch({ machineType: "c1m2", volumes });
    await client.vms.files.write(launched, "/root/write.py", WRITER);
    await client.vms.files.write(launched, "/root/take.py", TAKE_LOCK);
    return launched;
  }

  async function journal(vmId: string) {
    const path = join(daemon.config.dataDir, "vms", vmId, "journal.json");
    const { process: qemu, volumeServer } = JSON.parse(await readFile(path, "utf8")) as {
      readonly process?: { readonly pid: number };
      readonly volumeServer?: { readonly process: { readonly pid: number } };
    };
    if (volumeServer !== undefined) servers.add(volumeServer.process.pid);
    return { qemu: qemu?.pid ?? 0, server: volumeServer?.process.pid ?? 0 };
  }

  for (let round = 0; round < ROUNDS; round++) {
    const operation = pick(Object.keys(OPERATIONS));
    // Where there are few rounds, not the same ones in each run.
    const victim = VICTIMS[(SEED + round) % VICTIMS.length] as (typeof VICTIMS)[number];
    const delayMs = Math.floor(MAX_DELAY_MS * random());
    test(
      `the ${victim} in ${operation}, after ${delayMs} ms`,
      async () => {
        const name = `log-${round}`;
        const said: number[] = [];
        const end = new AbortController();
        const writing = follow(name, said, end.signal);
        await eventually(async () => expect(said.length).toBeGreaterThan(3), PATIENCE_MS);
        await journal(bystander.id);
        const { qemu, server } = await journal(vm.id);
        const done = OPERATIONS[operation]?.({ client, vm, volume, other }).catch(() => undefined);
        await sleep(delayMs);
        if (victim === "daemon") await daemon.sigkill();
        else kill(victim === "qemu" ? qemu : server);
        await done;
        if (victim === "daemon") await daemon.restart();
        await settle();
        if (vm.status === "running" && victim === "server" && operation === "nothing") {
          const before = said.length;
          await eventually(async () => expect(said.length).toBeGreaterThan(before + 3), PATIENCE_MS);
        }
        end.abort();
        await writing;
        await expectKept(name, said);
        await clear(name);
      },
      PATIENCE_MS * 2,
    );
  }

  test.each(GROWTH_STEPS.filter((_, at) => ROUNDS > 2 || at === SEED % GROWTH_STEPS.length))(
    "the daemon at %s, while a file is written that stays open",
    async (step) => {
      await client.vms.files.write(vm, "/root/hold.py", HOLDER);
      await sh(client, vm, "rm -f /mnt/data/held; python3 /root/hold.py >/root/hold.log 2>&1 &");
      const lines = async () => (await client.volumes.files.read(volume, "/held")).split("\n").slice(0, -1);
      const goesOn = async () => {
        const before = await eventually(lines, PATIENCE_MS);
        await eventually(
          async () => expect((await lines()).length).toBeGreaterThan(before.length),
          PATIENCE_MS,
        );
      };
      await goesOn();
      const sizeGiB = (await client.volumes.get(volume)).sizeGiB + 1;
      await steps.order({ step, effect: "kill" });
      const grown = client.volumes.update(volume, { sizeGiB }).catch(() => undefined);
      await daemon.ended();
      await grown;
      await daemon.restart();
      await settle();
      await goesOn();
      await client.volumes.update(volume, { sizeGiB });
      await goesOn();
      expect(await sh(client, vm, "cat /root/hold.log; pkill -f '[h]old.py'")).toBe("");
      const written = await lines();
      expect(written).toEqual(written.map((_, at) => `${at}`.padStart(7, "0")));
    },
    PATIENCE_MS * 2,
  );

  test("in the end nothing of it is there", async () => {
    for (const left of await client.vms.list()) await client.vms.delete(left);
    for (const snapshot of await client.snapshots.list()) await client.snapshots.delete(snapshot);
    await client.volumes.delete(volume);
    await client.volumes.delete(other);
    expect(servers.size).toBeGreaterThan(0);
    await eventually(async () => {
      expect([...servers].filter((pid) => existsSync(`/proc/${pid}/fd`) && isServer(pid))).toEqual([]);
      const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
      expect(mounts.filter((line) => line.includes(`${daemon.config.dataDir}/volumes`))).toEqual([]);
      expect(await loops()).toEqual([]);
    }, PATIENCE_MS);
  });

  /** Until it ends, with whatever ends. */
  async function follow(name: string, said: number[], signal: AbortSignal): Promise<void> {
    let text = "";
    try {
      const events = client.vms.stream(vm, ["python3", "/root/write.py", name], { signal });
      for await (const event of events) {
        if (event.type !== "stdout") continue;
        text += Buffer.from(event.data).toString();
        // The last is not whole yet.
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        said.push(...lines.map(Number));
      }
    } catch {
      // Its VM, or who carries what it says, was ended.
    }
  }

  /** What the operation has left undone, and what was killed, is as it is to be again. */
  async function settle(): Promise<void> {
    await eventually(async () => {
      vm = await client.vms.get(vm.id);
      if (vm.status === "paused") vm = await client.vms.resume(vm);
      expect(["running", "error"]).toContain(vm.status);
      if (vm.status === "running") await sh(client, vm, "cd /mnt/data && ls >/dev/null");
    }, PATIENCE_MS);
  }

  async function expectKept(name: string, said: readonly number[]): Promise<void> {
    const kept = new Set((await client.volumes.files.read(volume, `/${name}`)).split("\n").map(Number));
    expect(said.filter((number) => !kept.has(number))).toEqual([]);
  }

  async function clear(name: string): Promise<void> {
    if (vm.status === "running") await sh(client, vm, "pkill -f '[w]rite.py'; true");
    for (const one of await client.vms.list()) {
      if (one.id !== bystander.id && (one.id !== vm.id || vm.status !== "running"))
        await client.vms.delete(one);
    }
    // Whoever had it is gone.
    await sh(client, bystander, `timeout 60 python3 /root/take.py ${name}`);
    if (vm.status !== "running") vm = await launch();
    const left = await client.vms.get(vm.id);
    if (left.volumes?.some(({ volumeId }) => volumeId === other.id) === true) {
      await client.vms.volumes.detach(vm, other, { force: true });
    }
  }

  async function loops(): Promise<readonly string[]> {
    const names = (await readdir("/sys/block")).filter((name) => name.startsWith("loop"));
    const files = await Promise.all(
      names.map((name) => readFile(`/sys/block/${name}/loop/backing_file`, "utf8").catch(() => "")),
    );
    return files.filter((file) => file.startsWith(daemon.config.dataDir));
  }
});

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // The operation has ended it itself.
  }
}

function isServer(pid: number): boolean {
  return existsSync(`/proc/${pid}/cwd`);
}
