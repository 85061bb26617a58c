import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { SharedDaemon } from "../harness/shared-daemon.ts";
import { bootId, sh } from "../harness/guest.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe("the boot id, by which programs know this run of this machine", () => {
  let daemon: SharedDaemon;
  let client: FastvmClient;
  let source: Vm;
  let own: string;

  beforeAll(async () => {
    daemon = await SharedDaemon.join();
    client = daemon.client;
    source = await client.vms.launch({ machineType: "c1m2" });
    own = await bootId(client, source);
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  test("is another in each VM: launched, restored, forked", async () => {
    const snapshot = await client.snapshots.create({ vmId: source.id });
    const { children } = await client.vms.fork(source, { count: 2 });
    const vms = [
      source,
      await client.vms.launch({ machineType: "c1m2" }),
      await client.vms.launch({ snapshotId: snapshot.id }),
      await client.vms.launch({ snapshotId: snapshot.id }),
      ...children.flatMap(({ vm }) => (vm === undefined ? [] : [vm])),
    ];
    expect(vms).toHaveLength(6);
    const ids = await Promise.all(vms.map((vm) => bootId(client, vm)));
    for (const id of ids) expect(id).toMatch(UUID);
    expect(new Set(ids).size).toBe(vms.length);
    expect(ids[0]).toBe(own);
    await Promise.all(vms.slice(1).map((vm) => client.vms.delete(vm)));
    await client.snapshots.delete(snapshot);
  });

  test("stays over a pause", async () => {
    await client.vms.pause(source);
    await client.vms.resume(source);
    expect(await bootId(client, source)).toBe(own);
  });

  test("is what the system's own programs read, is nobody's to write, and leaves no file", async () => {
    expect(await sh(client, source, "systemd-id128 boot-id --uuid")).toBe(own);
    const refused = await sh(
      client,
      source,
      "setpriv --reuid 65534 --clear-groups sh -c 'echo x > /proc/sys/kernel/random/boot_id' 2>&1 || echo refused",
    );
    expect(refused).toContain("refused");
    expect(await sh(client, source, "ls -A /dev | grep -c boot-id || true")).toBe("0");
  });

  test("does not trouble the journal and the services", async () => {
    await sh(client, source, "logger -t probe spoken; journalctl --sync");
    expect(await sh(client, source, "journalctl -t probe -o cat")).toBe("spoken");
    expect(await sh(client, source, "systemctl is-system-running")).toBe("running");
    await sh(client, source, "systemctl restart systemd-journald; logger -t probe again; journalctl --sync");
    expect(await sh(client, source, "journalctl -b -t probe -o cat")).toBe("again");
  });
});
