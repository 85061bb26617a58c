import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { within } from "../harness/eventually.ts";
import { expectFootprint, restingFootprint } from "../harness/footprint.ts";
import type { Footprint } from "../harness/footprint.ts";
import { sh } from "../harness/guest.ts";

/** A killed command gets 5 s to end, on top of its time limit; the machine may be busy. */
const CLEAR_ERROR_MS = 25_000;
const DELETE_MS = 15_000;

describe("a guest in trouble", () => {
  let daemon: TestDaemon;
  let client: FastvmClient;
  let before: Footprint;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    client = daemon.client;
    before = await restingFootprint(daemon);
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  /** The command that stops the agent is the last that it starts. */
  async function stopAgent(vm: Vm): Promise<unknown> {
    return await client.vms
      .run(vm, "kill -STOP $PPID; sleep 1", { timeoutSec: 2 })
      .catch((error: unknown) => error);
  }

  test("whose agent hangs: calls end with a clear error, and delete works", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    expect(await within(CLEAR_ERROR_MS, "the command", stopAgent(vm))).toMatchObject({
      status: 502,
      code: "guest_unresponsive",
    });
    const next = client.vms.run(vm, "true", { timeoutSec: 2 }).catch((error: unknown) => error);
    expect(await within(CLEAR_ERROR_MS, "the next command", next)).toMatchObject({
      status: 502,
      code: "guest_unresponsive",
    });
    expect((await client.vms.get(vm)).status).toBe("running");
    await within(DELETE_MS, "the delete", client.vms.delete(vm));
    await expectFootprint(daemon, before);
  });

  test("that runs out of memory loses what took it, not its agent", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    const eater = "kept = []\nwhile True: kept.append(bytearray(b'x') * (16 << 20))";
    const { exitCode } = await client.vms.run(vm, ["python3", "-c", eater]);
    expect(exitCode).not.toBe(0);
    expect(await sh(client, vm, "echo alive")).toBe("alive");
    expect((await client.vms.get(vm)).status).toBe("running");
    await client.vms.delete(vm);
  });

  test("that runs as many processes as it can still takes a command that ends them", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    await sh(client, vm, "for i in $(seq 300); do sleep 1000 & done; pgrep -c sleep >/dev/null");
    expect(Number(await sh(client, vm, "pgrep -c sleep"))).toBeGreaterThanOrEqual(300);
    await sh(client, vm, "pkill -x sleep");
    expect(await sh(client, vm, "echo alive")).toBe("alive");
    await client.vms.delete(vm);
  });
});
