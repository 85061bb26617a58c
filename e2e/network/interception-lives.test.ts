/**
 * What a guest sends to an intercepted port never leaves as it is: not while its proxy or its daemon is killed, not with all tables of the
 * host flushed, and in no life of the VM; and a secret's value never comes in. A program in the guest sends words that no proxy passes on,
 * all the time, in all lives; the world counts what arrives.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { sh } from "../harness/guest.ts";
import { NetworkLab, WORLD } from "../harness/network-lab.ts";
import { makeAuthority } from "../harness/private-authority.ts";
import { ProcessMemory } from "../harness/process-memory.ts";
import { proxiesIn } from "../harness/proxies.ts";
import { searchFiles } from "../harness/search-files.ts";
import type { Received } from "../harness/tls-origin.ts";

const PORT = 8443;
/** Of an echo in the world. */
const WORDS_PORT = 8089;
const VALUE = `value/${randomBytes(12).toString("hex")}`;
/** Made in the guest, which has it in memory and in a file in the forms that a value could have: what the same search finds. */
const MARKER = `marker/${randomBytes(12).toString("hex")}`;
const SOON_MS = 60_000;

/** Connects and sends, in both families; also over UDP, as QUIC would. */
const WORDS = `import base64, os, socket, time
held = bytes.fromhex("${Buffer.from(MARKER).toString("hex")}")
forms = [held, base64.b64encode(b"user:" + held), b"".join(b"%%%02x" % byte for byte in held)]
with open("/root/marker", "wb") as file: file.write(b" ".join(forms))
os.sync()
count = 0
while True:
    for address in ("${WORLD.v4}", "${WORLD.v6}"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                with socket.socket(family, kind) as s:
                    s.settimeout(0.2)
                    s.connect((address, ${WORDS_PORT}))
                    s.send(b"word\\n")
            except OSError: pass
    count += 1
    open("/dev/shm/new", "w").write(str(count))
    os.replace("/dev/shm/new", "/dev/shm/words")
    time.sleep(0.1)
`;

let folder: string;
let lab: NetworkLab;
let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fastvm-lives-"));
  const authority = makeAuthority(folder, ["DNS:api.test"]);
  lab = await NetworkLab.start();
  await lab.setNames({ "api.test": [{ type: "AAAA", data: WORLD.v6, ttl: 60 }] });
  const { chain, key } = authority;
  await lab.startOrigin({ address: WORLD.v6, port: PORT, cert: chain, key, digests: true });
  // What comes from a VM itself; a proxy's connections come from the host.
  const words = `meta l4proto { tcp, udp } th dport ${WORDS_PORT} counter`;
  const whole = `ip6 saddr 2001:db8:beef::/64 tcp dport ${PORT} counter`;
  const chainOf = "add chain inet counted arrived { type filter hook input priority 0; }";
  const rules = [words, whole].map((rule) => `add rule inet counted arrived ${rule}`);
  await lab.inWorld("nft", [["add table inet counted", chainOf, ...rules].join("; ")]);
  daemon = await TestDaemon.start({ ...lab.daemonOptions, poolSize: 0 });
  client = daemon.client;
  vm = await client.vms.launch({
    machineType: "c1m2",
    tls: { ports: [PORT, WORDS_PORT], upstreamCa: [authority.ca] },
    secrets: [{ name: "TOKEN", value: VALUE, hosts: ["api.test"] }],
  });
  await sh(
    client,
    vm,
    `cat >/tmp/words.py <<'END'\n${WORDS}END\nnohup python3 /tmp/words.py >/dev/null 2>&1 &`,
  );
  await sendsMore(vm);
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Packets that came from a VM, to either port. */
async function arrived(): Promise<number> {
  const { stdout } = await lab.inWorld("nft", ["list", "table", "inet", "counted"]);
  return [...stdout.matchAll(/packets (\d+)/g)].reduce((sum, [, packets]) => sum + Number(packets), 0);
}

/** Resolves once it has tried some more times. */
async function sendsMore(of: Pick<Vm, "id">, rounds = 3): Promise<void> {
  const sent = async (): Promise<number> => Number(await sh(client, of, "cat /dev/shm/words || echo 0"));
  const before = await sent();
  await eventually(async () => expect(await sent()).toBeGreaterThanOrEqual(before + rounds), SOON_MS);
}

/** It gets its secret, so it is intercepted. */
async function expectIntercepted(of: Pick<Vm, "id">): Promise<void> {
  const command = `curl -6 -sS -m 20 -u "user:$TOKEN" -H "X-Token: $TOKEN" https://api.test:${PORT}/`;
  const { headers } = JSON.parse(await sh(client, of, command)) as Received;
  const sent = ["x-token", "authorization"].map(
    (wanted) => headers[headers.findIndex((name) => name.toLowerCase() === wanted) + 1],
  );
  const basic = `Basic ${Buffer.from(`user:${VALUE}`).toString("base64")}`;
  expect(sent).toEqual([VALUE, basic].map((text) => createHash("sha256").update(text).digest("hex")));
}

test("while its proxy is killed again and again under traffic", async () => {
  await expectIntercepted(vm);
  await sh(
    client,
    vm,
    `touch /tmp/go; nohup sh -c 'while [ -e /tmp/go ]; do curl -6 -sS -m 3 https://api.test:${PORT}/; done' >/tmp/answers 2>&1 &`,
  );
  for (let kill = 0; kill < 2; kill += 1) {
    await eventually(async () => expect(await proxiesIn(daemon.config.dataDir)).toHaveLength(1), SOON_MS);
    const [pid = 0] = await proxiesIn(daemon.config.dataDir);
    await eventually(
      async () => expect(Number(await sh(client, vm, "wc -c </tmp/answers"))).toBeGreaterThan(0),
      SOON_MS,
    );
    process.kill(pid, "SIGKILL");
    await sh(client, vm, ": >/tmp/answers");
    await sendsMore(vm);
  }
  await eventually(async () => await expectIntercepted(vm), SOON_MS);
  await sh(client, vm, "rm /tmp/go");
  expect(await arrived()).toBe(0);
});

test("while its daemon is gone, all tables of the host are flushed, and another daemon comes", async () => {
  await daemon.sigkill();
  await sleep(1000);
  await lab.onHost("nft flush ruleset");
  await sleep(2000);
  expect(await arrived()).toBe(0);
  await daemon.restart();
  await sendsMore(vm);
  await eventually(async () => await expectIntercepted(vm), SOON_MS);
  expect(await arrived()).toBe(0);
});

test("before the first packet of a fork, a restored snapshot and a VM that goes on, whose values are in no file", async () => {
  const { children } = await client.vms.fork(vm, { count: 1 });
  const fork = children[0]?.vm;
  if (fork === undefined) throw new Error("the fork has no child");
  const snapshot = await client.snapshots.create({ vmId: vm.id });
  const restored = await client.vms.launch({ snapshotId: snapshot.id });
  await client.vms.pause(vm);
  await expectInNoFile(snapshot.id);
  await client.vms.resume(vm);
  for (const each of [fork, restored, vm]) {
    await sendsMore(each);
    // A connection that is refused or late is none that passed.
    await eventually(async () => await expectIntercepted(each), SOON_MS);
  }
  expect(await arrived()).toBe(0);
  await client.vms.delete(restored);
  await expectGoneWith(fork);
});

/** Memory, device state and disk of a snapshot and of a paused VM, the disks of others, records, journals and logs. */
async function expectInNoFile(snapshotId: string): Promise<void> {
  const { dataDir } = daemon.config;
  const found = await searchFiles([dataDir], [VALUE, MARKER, "__FASTVM_SECRET_TOKEN__", "api.test"]);
  expect(found.filter(({ text }) => text === VALUE)).toEqual([]);
  const formsIn = (captured: string): readonly string[] => {
    const inside = found.filter(
      ({ text, path }) => text === MARKER && path.startsWith(join(dataDir, captured)),
    );
    return [...new Set(inside.map(({ form }) => form))];
  };
  // All of what the guest has, in the same files: so a value would have been found.
  for (const captured of [`snapshots/${snapshotId}/pages`, `snapshots/${snapshotId}/disk`, "paused"])
    expect(formsIn(captured), captured).toEqual(
      expect.arrayContaining(["plain", "percent", "base64 after 2"]),
    );
  const pathsOf = (sought: string): readonly string[] =>
    found.flatMap(({ text, path }) => (text === sought ? [path] : []));
  expect(pathsOf("__FASTVM_SECRET_TOKEN__").join()).toContain(`snapshots/${snapshotId}/pages`);
  expect(pathsOf("api.test").join()).toContain("fastvm.db");
}

/** A proxy has the value as long as its VM is there, and nobody can take it out of a core file. */
async function expectGoneWith(fork: Vm): Promise<void> {
  const { dataDir } = daemon.config;
  const both = await proxiesIn(dataDir);
  for (const pid of [...both, await daemon.pid()])
    expect(Number(await readFile(`/proc/${pid}/coredump_filter`, "utf8")), `${pid}`).toBe(0);
  const memories = await Promise.all(
    both.map(async (pid) => ({ pid, memory: await ProcessMemory.open(pid) })),
  );
  for (const { memory } of memories) expect((await memory.search(VALUE)).found).toBe(true);
  await client.vms.delete(fork);
  const left = await proxiesIn(dataDir);
  expect([both.length, left.length]).toEqual([2, 1]);
  for (const { pid, memory } of memories) {
    const { bytes, found } = await memory.search(VALUE);
    expect([found, bytes > 0]).toEqual([left.includes(pid), left.includes(pid)]);
    await memory[Symbol.asyncDispose]();
  }
}

test("a value is in no answer, argument or variable; and without interception all of this is counted", async () => {
  const shown = [
    await client.vms.get(vm.id),
    await client.vms.list(),
    await client.snapshots.list(),
    await client.events.list(),
  ];
  expect(JSON.stringify(shown)).not.toContain(VALUE);
  expect(await processesWith(VALUE)).toEqual([]);
  expect(await processesWith(daemon.config.dataDir)).not.toEqual([]);
  await client.vms.update(vm, { tls: { enabled: false }, secrets: [] });
  await eventually(async () => expect(await arrived()).toBeGreaterThan(0), SOON_MS);
  expect(await proxiesIn(daemon.config.dataDir)).toEqual([]);
});

async function processesWith(text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    for (const name of ["cmdline", "environ"])
      if ((await readFile(`/proc/${entry}/${name}`, "latin1").catch(() => "")).includes(text))
        found.push(entry);
  }
  return found;
}
