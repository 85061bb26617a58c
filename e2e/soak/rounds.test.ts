import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";

/** FASTVM_TEST_ROUNDS=10 takes a minute and a half. */
const ROUNDS = Number(process.env["FASTVM_TEST_ROUNDS"] ?? 5);
const HASH_TREE = "cd /root/tree && find . -type f | sort | xargs sha256sum | sha256sum";

describe(`${ROUNDS} rounds of capture and restore`, () => {
  let daemon: TestDaemon;
  let client: FastvmClient;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    client = daemon.client;
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function grow(vm: Vm, round: number): Promise<string> {
    await sh(
      client,
      vm,
      `mkdir -p /root/tree/${round} && cd /root/tree/${round} && for i in 1 2 3 4; do head -c 200000 /dev/urandom > file-$i; done
       echo ${round} >> /root/tree/log; [ ${round} -lt 2 ] || rm -rf /root/tree/$((${round} - 2))`,
    );
    return await sh(client, vm, HASH_TREE);
  }

  test("by snapshot keep every file and every value in memory", async () => {
    let vm = await client.vms.launch({ machineType: "c1m2" });
    let memory = await startKeeper(client, vm);
    for (let round = 0; round < ROUNDS; round++) {
      const hash = await grow(vm, round);
      memory = await askKeeper(client, vm);
      const snapshot = await client.snapshots.create({ vmId: vm.id });
      const next = await client.vms.launch({ snapshotId: snapshot.id });
      await client.vms.delete(vm);
      await client.snapshots.delete(snapshot);
      vm = next;
      expect(await sh(client, vm, HASH_TREE)).toBe(hash);
      expectContinues(await askKeeper(client, vm), memory);
    }
    expect(await sh(client, vm, "wc -l < /root/tree/log")).toBe(`${ROUNDS}`);
    await client.vms.delete(vm);
  });

  test("by pause keep every file and every value in memory", async () => {
    const vm = await client.vms.launch({ machineType: "c1m2" });
    let memory = await startKeeper(client, vm);
    for (let round = 0; round < ROUNDS; round++) {
      const hash = await grow(vm, round);
      memory = await askKeeper(client, vm);
      expect((await client.vms.pause(vm)).status).toBe("paused");
      expect((await client.vms.resume(vm)).status).toBe("running");
      expect(await sh(client, vm, HASH_TREE)).toBe(hash);
      expectContinues(await askKeeper(client, vm), memory);
    }
    await client.vms.delete(vm);
  });
});
