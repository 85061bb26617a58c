/** SSH keys in real guests, proven by logging in: from inside, through sshd's own socket; e2e/network has the way from outside. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";

const LOGIN =
  "ssh -i /root/probe -o BatchMode=yes -o IdentitiesOnly=yes -o StrictHostKeyChecking=no " +
  "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@127.0.0.1 id -un";

describe("a public key", () => {
  let daemon: TestDaemon;
  let client: FastvmClient;
  let vm: Vm;
  let publicKey: string;

  beforeAll(async () => {
    daemon = await TestDaemon.start();
    client = daemon.client;
    vm = await client.vms.launch({ machineType: "c1m2" });
    await sh(client, vm, "ssh-keygen -q -t ed25519 -N '' -f /root/probe");
    publicKey = await sh(client, vm, "cat /root/probe.pub");
  });

  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function login(target: Pick<Vm, "id">): Promise<string> {
    const { stdout, stderr } = await client.vms.run(target, LOGIN);
    return (stdout + stderr).trim();
  }

  test("opens a running VM from the moment it is added until it is removed", async () => {
    expect(await login(vm)).toMatch(/Permission denied/);
    const key = await client.vms.sshKeys.add(vm, { publicKey });
    expect(await login(vm)).toBe("root");
    expect(await sh(client, vm, "stat -c %a:%U /root/.ssh/authorized_keys2")).toBe("600:root");
    await client.vms.sshKeys.delete(vm, key.fingerprint);
    expect(await login(vm)).toMatch(/Permission denied/);
  });

  test("of an organisation opens VMs that run and VMs that are launched later", async () => {
    const key = await client.me.sshKeys.add({ publicKey });
    expect(await login(vm)).toBe("root");
    const later = await client.vms.launch({ machineType: "c1m2" });
    expect(await sh(client, later, "cat /root/.ssh/authorized_keys2")).toBe(key.publicKey);
    await client.me.sshKeys.delete(key.fingerprint);
    expect(await login(vm)).toMatch(/Permission denied/);
    expect(await sh(client, later, "cat /root/.ssh/authorized_keys2")).toBe("");
    await client.vms.delete(later);
  });

  test("opens what is made from its VM, and a key of the user's own stays", async () => {
    await sh(client, vm, "echo '# mine' >> /root/.ssh/authorized_keys");
    const key = await client.vms.sshKeys.add(vm, { publicKey });
    const snapshot = await client.snapshots.create({ vmId: vm.id });
    const restored = await client.vms.launch({ snapshotId: snapshot.id });
    expect(await login(restored)).toBe("root");
    const { children } = await client.vms.fork(vm, { count: 1 });
    expect(await login(children[0]?.vm ?? vm)).toBe("root");
    await client.vms.pause(vm);
    await client.vms.sshKeys.delete(vm, key.fingerprint);
    await client.vms.resume(vm);
    expect(await login(vm)).toMatch(/Permission denied/);
    expect(await login(restored)).toBe("root");
    expect(await sh(client, vm, "cat /root/.ssh/authorized_keys")).toBe("# mine");
  });

  test("outlives a daemon that is killed", async () => {
    await client.vms.sshKeys.add(vm, { publicKey });
    await daemon.sigkill();
    await daemon.restart();
    expect(await login(vm)).toBe("root");
    await client.vms.pause(vm);
    await client.vms.resume(vm);
    expect(await login(vm)).toBe("root");
  });
});
