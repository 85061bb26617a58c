import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import { processesIn } from "../harness/processes.ts";

describe("a capture of a VM that runs on", () => {
  let daemon: SharedDaemon;
  let client: FastvmClient;
  let vm: Vm;

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
    client = daemon.client;
    vm = await client.vms.launch({ machineType: "c1m2" });
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  /** Counts on a stream while `work` is done; returns the numbers that came. */
  async function streamDuring(work: () => Promise<void>): Promise<number[]> {
    let text = "";
    let worked: Promise<void> | undefined;
    const script =
      "i=0; while [ ! -e /tmp/enough ]; do i=$((i+1)); echo $i; sleep 0.01; done; echo end; rm /tmp/enough";
    for await (const event of client.vms.stream(vm, script)) {
      if (event.type === "stdout") text += Buffer.from(event.data).toString();
      if (event.type === "exit") expect(event.exitCode).toBe(0);
      worked ??= work().then(async () => void (await sh(client, vm, "touch /tmp/enough")));
    }
    await worked;
    const lines = text.trim().split("\n");
    expect(lines.pop()).toBe("end");
    return lines.map(Number);
  }

  function expectUnbroken(numbers: readonly number[]): void {
    expect(numbers.length).toBeGreaterThan(5);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  }

  test("loses nothing of a command's output, and reports its pause", async () => {
    const numbers = await streamDuring(async () => {
      for (let round = 0; round < 3; round++) {
        const snapshot = await client.snapshots.create({ vmId: vm.id });
        expect(snapshot.pauseMs).toBeGreaterThan(0);
        await client.snapshots.delete(snapshot);
      }
    });
    expectUnbroken(numbers);
  });

  test("loses nothing of it when it is a fork, either", async () => {
    const numbers = await streamDuring(async () => {
      const { children, pauseMs } = await client.vms.fork(vm, { count: 2 });
      expect(pauseMs).toBeGreaterThan(0);
      for (const child of children) {
        if (child.vm === undefined) throw new Error(child.error.error);
        expect(child.vm.status).toBe("running");
        await client.vms.delete(child.vm);
      }
    });
    expectUnbroken(numbers);
  });

  test("keeps a TCP connection of the guest alive", async () => {
    const program = `
import socket, threading
server = socket.create_server(("127.0.0.1", 7777))
client = socket.create_connection(("127.0.0.1", 7777))
peer, _ = server.accept()
import os, time
sent = 0
while not os.path.exists("/tmp/close"):
    client.sendall(b"%08d" % sent); got = peer.recv(8, socket.MSG_WAITALL)
    assert got == b"%08d" % sent
    sent += 1
    open("/tmp/sent.new", "w").write(str(sent)); os.rename("/tmp/sent.new", "/tmp/sent")
    time.sleep(0.01)
print("exchanged", sent, flush=True)
`;
    const running = client.vms.run(vm, ["python3", "-c", program]);
    await sh(client, vm, "until [ -s /tmp/sent ]; do sleep 0.05; done");
    const before = Number(await sh(client, vm, "cat /tmp/sent"));
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    await sh(
      client,
      vm,
      `until [ "$(cat /tmp/sent)" -gt ${before + 5} ]; do sleep 0.05; done; touch /tmp/close`,
    );
    const result = await running;
    expect(result.stderr).toBe("");
    expect(result.exitCode).toBe(0);
    await client.snapshots.delete(snapshot);
  });

  test("of a fork leaves no snapshot behind, and each child has its outcome", async () => {
    const memory = await startKeeper(client, vm);
    const names = ["first", "second", "third"];
    const fork = await client.vms.fork(vm, { count: 3, names, metadata: { role: "child" } });
    expect(fork.children).toHaveLength(3);
    const vms = fork.children.map((child) => child.vm).filter((child) => child !== undefined);
    expect(vms.map((child) => child.name)).toEqual(names);
    for (const child of vms) {
      expect(child.metadata).toEqual({ role: "child" });
      expectContinues(await askKeeper(client, child), memory);
    }
    expect(await client.snapshots.list()).toEqual([]);
    await Promise.all(vms.map((child) => client.vms.delete(child)));
  });

  test("of a paused VM works as well, and a pause frees its memory", async () => {
    const memory = await askKeeper(client, vm);
    await client.vms.pause(vm);
    expect((await processesIn(daemon.dataDir)).filter(({ folder }) => folder === `vms/${vm.id}`)).toEqual([]);
    expect((await client.vms.pause(vm)).status).toBe("paused");
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    const { children } = await client.vms.fork(vm, { count: 2 });
    const restored = await client.vms.launch({ snapshotId: snapshot.id });
    for (const child of [...children.map((one) => one.vm), restored]) {
      if (child === undefined) throw new Error("a child did not start");
      expectContinues(await askKeeper(client, child), memory);
      await client.vms.delete(child);
    }
    await client.vms.resume(vm);
    expectContinues(await askKeeper(client, vm), memory);
  });
});
