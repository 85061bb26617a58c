/** A guest that has ended its agent and speaks on its port itself, without end, over restarts of the daemon. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually } from "../harness/eventually.ts";
import { expectFootprint, restingFootprint } from "../harness/footprint.ts";
import type { Footprint } from "../harness/footprint.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";

const RESTARTS = 2;
const BEGUN_DEADLINE_MS = 120_000;

/** Noise, zeros, HELLOs, frames of sessions and streams there are not, headers of the largest length: each for a while. */
const FLOOD = `
import os, struct, sys, threading, time
def frame(kind, stream, payload, session=7):
    return struct.pack("<BBHII", 0xF5, kind, session, stream, len(payload)) + payload + b"\\x5f"
WORDS = [
    os.urandom(1 << 16),
    bytes(1 << 16),
    frame(1, 0, b"FASTVM-LINK-V1\\r\\n" + bytes(32)) * 800,
    frame(2, 0, bytes(40)) * 800,
    frame(32, 0x80000001, bytes(60000)) * 2,
    struct.pack("<BBHII", 0xF5, 32, 1, 1, 0xFFFFFFFF) * 4000,
]
time.sleep(1)
os.kill(int(sys.argv[1]), 9)
port = None
while port is None:
    try: port = os.open("/dev/vport0p1", os.O_RDWR)
    except OSError: time.sleep(0.05)
def drain():
    while True:
        try:
            if not os.read(port, 1 << 16): time.sleep(0.05)
        except OSError: time.sleep(0.05)
threading.Thread(target=drain, daemon=True).start()
while True:
    for word in WORDS:
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            try: os.write(port, word)
            except OSError: time.sleep(0.01)
`;

let daemon: TestDaemon;
let client: FastvmClient;
let good: Vm;
let before: Footprint;

beforeAll(async () => {
  daemon = await TestDaemon.start();
  client = daemon.client;
  before = await restingFootprint(daemon);
  good = await client.vms.launch({ machineType: "c1m2" });
});

afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
});

test("it holds up neither a restart nor the VM beside it, and is deleted like any other", async () => {
  const memory = await startKeeper(client, good);
  const hostile = await launchFlood();
  for (let restart = 0; restart < RESTARTS; restart++) {
    await daemon.sigkill();
    await daemon.restart();
    expectContinues(await askKeeper(client, good), memory);
    expect(await isLost(hostile)).toBe(true);
  }
  await client.vms.delete(hostile);
  await client.vms.delete(good);
  await expectFootprint(daemon, before);
});

async function launchFlood(): Promise<Vm> {
  const vm = await client.vms.launch({ machineType: "c1m2" });
  await sh(client, vm, `cat > /root/flood.py <<'END'\n${FLOOD}\nEND`);
  // The agent is the parent of what it starts. By systemd, as that ends with it.
  await sh(client, vm, "systemd-run -q --no-block python3 /root/flood.py $PPID");
  await eventually(async () => {
    expect(await isLost(vm)).toBe(true);
  }, BEGUN_DEADLINE_MS);
  return vm;
}

async function isLost(vm: Vm): Promise<boolean> {
  return await client.vms.run(vm, "true", { timeoutSec: 1 }).then(
    () => false,
    () => true,
  );
}
