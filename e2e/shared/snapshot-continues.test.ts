import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Snapshot, Vm } from "fastvm";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { askKeeper, expectContinues, sh, startKeeper } from "../harness/guest.ts";
import type { Memory } from "../harness/guest.ts";

const CLONES = 10;
const MAX_CLOCK_ERROR_MS = 2000;

describe("VMs restored from a snapshot", () => {
  let daemon: SharedDaemon;
  let client: FastvmClient;
  let source: Vm;
  let memory: Memory;
  let snapshot: Snapshot;
  let clones: Vm[];

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
    client = daemon.client;
    source = await client.vms.launch({ machineType: "c1m2", name: "source", envVars: { COLOUR: "blue" } });
    memory = await startKeeper(client, source);
    await sh(client, source, "echo before > /root/file; ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    snapshot = await client.snapshots.create({ vmId: source.id, name: "point" });
    clones = await Promise.all(
      Array.from({ length: CLONES }, (_, index) =>
        client.vms.launch({ snapshotId: snapshot.id, name: `clone-${index}` }),
      ),
    );
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function fromEachClone(command: string): Promise<string[]> {
    return await Promise.all(clones.map((clone) => sh(client, clone, command)));
  }

  test("go on where the source was: same process, same memory", async () => {
    expect(snapshot.status).toBe("ready");
    for (const clone of clones) {
      expect(clone.status).toBe("running");
      expectContinues(await askKeeper(client, clone), memory);
      expect(await sh(client, clone, "cat /root/file")).toBe("before");
    }
    expectContinues(await askKeeper(client, source), memory);
  });

  test("are independent of each other and of the source", async () => {
    await Promise.all(clones.map((clone) => sh(client, clone, `echo ${clone.name} > /root/file`)));
    for (const clone of clones) expect(await sh(client, clone, "cat /root/file")).toBe(clone.name);
    expect(await sh(client, source, "cat /root/file")).toBe("before");
  });

  test("have random streams of their own", async () => {
    const [kernel, python] = await Promise.all([
      fromEachClone("head -c 16 /dev/urandom | od -An -tx8"),
      fromEachClone("python3 -c 'import uuid; print(uuid.uuid4())'"),
    ]);
    expect(new Set(kernel).size).toBe(CLONES);
    expect(new Set(python).size).toBe(CLONES);
  });

  test("have machine ids, host names and host keys of their own", async () => {
    const machineIds = await fromEachClone("cat /etc/machine-id");
    expect(new Set([...machineIds, await sh(client, source, "cat /etc/machine-id")]).size).toBe(CLONES + 1);
    for (const id of machineIds) expect(id).toMatch(/^[0-9a-f]{32}$/);
    const keys = await fromEachClone("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key | cut -d' ' -f2");
    expect(new Set(keys).size).toBe(CLONES);
    const publicKeys = await fromEachClone(
      "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2",
    );
    expect(publicKeys).toEqual(keys);
    expect(new Set(await fromEachClone("hostname")).size).toBe(CLONES);
  });

  test("have the host's time", async () => {
    for (const clone of clones) {
      const earliest = Date.now();
      const guest = Number(await sh(client, clone, "date +%s%3N"));
      expect(guest).toBeGreaterThan(earliest - MAX_CLOCK_ERROR_MS);
      expect(guest).toBeLessThan(Date.now() + MAX_CLOCK_ERROR_MS);
    }
  });

  test("inherit machine, environment and metadata", async () => {
    for (const clone of clones) {
      expect(clone.machineName).toBe("c1m2");
      expect(clone.envVars).toEqual({ COLOUR: "blue" });
    }
    expect(await sh(client, clones[0] ?? source, "echo $COLOUR")).toBe("blue");
  });

  test("outlive the snapshot and the source", async () => {
    await client.snapshots.delete(snapshot);
    await client.vms.delete(source);
    for (const clone of clones) expectContinues(await askKeeper(client, clone), memory);
    // Blocks that were never read before must still be there, too.
    for (const clone of clones.slice(0, 2)) {
      expect(await sh(client, clone, "find /usr -xdev -type f | head -400 | xargs cat | wc -c")).not.toBe(
        "0",
      );
    }
    const again = await client.snapshots.create({ vmId: clones[0]?.id ?? "" });
    const grandchild = await client.vms.launch({ snapshotId: again.id });
    expectContinues(await askKeeper(client, grandchild), memory);
  });
});
