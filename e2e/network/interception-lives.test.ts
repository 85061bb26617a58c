/**
 * What a guest sends to an intercepted port never leaves as it is: not while its proxy or its daemon is killed, not with all tables of the
 * host flushed. A program in the guest sends words that no proxy passes on, all the time; the world counts what arrives.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
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
import { proxiesIn } from "../harness/proxies.ts";
import type { Received } from "../harness/tls-origin.ts";

const PORT = 8443;
/** Of an echo in the world. */
const WORDS_PORT = 8089;
const VALUE = `value-${randomBytes(12).toString("hex")}`;
const SOON_MS = 60_000;

/** Connects and sends, in both families; also over UDP, as QUIC would. */
const WORDS = `import socket, time
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
    open("/dev/shm/words", "w").write(str(count))
    time.sleep(0.02)
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
  const command = `curl -6 -sS -m 10 -H "X-Token: $TOKEN" https://api.test:${PORT}/`;
  const { headers } = JSON.parse(await sh(client, of, command)) as Received;
  const sent = headers[headers.findIndex((name) => name.toLowerCase() === "x-token") + 1];
  expect(sent).toBe(createHash("sha256").update(VALUE).digest("hex"));
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
