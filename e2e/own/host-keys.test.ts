/** What a VM is known by to those who log in, over all of its lives: its host key and its names. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FastvmClient, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { sh } from "../harness/guest.ts";

/** What a VM is known by: the key that sshd shows, which must be the one on its disk, and its names. */
const WHO =
  "set -e; shown=$(ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null | cut -d' ' -f3); " +
  'test -n "$shown"; test "$shown" = "$(cut -d\' \' -f2 /etc/ssh/ssh_host_ed25519_key.pub)"; ' +
  "echo $shown; cat /etc/machine-id; hostname; cat /etc/hostname";

let daemon: TestDaemon;
let client: FastvmClient;
let vm: Vm;

beforeAll(async () => {
  daemon = await TestDaemon.start();
  client = daemon.client;
  vm = await client.vms.launch({ machineType: "c1m2" });
});

afterAll(() => daemon?.[Symbol.asyncDispose]());

test("a VM's host key stays with its names over pauses and the daemon's end, and no clone has it", async () => {
  await sh(client, vm, "hostname mine; echo mine > /etc/hostname");
  const before = await sh(client, vm, WHO);
  await client.vms.pause(vm);
  const ofPaused = await client.vms.fork(vm, { count: 1 });
  await client.vms.resume(vm);
  expect(await sh(client, vm, WHO)).toBe(before);
  const snapshot = await client.snapshots.create({ vmId: vm.id });
  const clones = await Promise.all([
    client.vms.launch({ snapshotId: snapshot.id }),
    client.vms.launch({ snapshotId: snapshot.id }),
  ]);
  clones.push(...ofPaused.children.flatMap((child) => child.vm ?? []));
  expect(clones).toHaveLength(3);
  const known = (await Promise.all(clones.map((clone) => sh(client, clone, WHO)))).concat(before);
  for (const line of [0, 1, 2]) {
    expect(new Set(known.map((one) => one.split("\n")[line])).size).toBe(known.length);
  }
  await Promise.all(clones.map((clone) => client.vms.delete(clone)));
  await client.vms.pause(vm);
  await daemon.sigkill();
  await daemon.restart();
  await client.vms.resume(vm);
  expect(await sh(client, vm, WHO)).toBe(before);
});
