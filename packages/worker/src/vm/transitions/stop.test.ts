import { existsSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readJournal } from "../../journal/journal.ts";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import type { Vm } from "../state/vm.ts";
import { stoppedFolder } from "../state/worker-context.ts";
import { deleteVm } from "./delete-vm.ts";
import { settleLostGuest } from "./guest-lost.ts";
import { stop } from "./stop.ts";

let host: ScriptedHost;
let vm: Vm;
let folder: string;

beforeEach(async () => {
  host = await ScriptedHost.open();
  vm = await host.launch();
  folder = stoppedFolder(host.context.config, vm.vmId);
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

/** Its disk is kept as nobody may write it any more, and nothing else is held. */
async function expectAtRest(phase: "stopped" | "error"): Promise<void> {
  expect(vm.record).toMatchObject({ phase, generation: 1, chain: ["0.raw", "1.qcow2"] });
  expect(vm.record).not.toHaveProperty("process");
  expect(await readJournal(folder)).toMatchObject({ phase, reason: vm.record.reason });
  expect((await readdir(join(folder, "disk"))).toSorted()).toEqual(["0.raw", "1.qcow2"]);
  const { uid, mode } = await stat(join(folder, "disk", "1.qcow2"));
  expect([uid, mode & 0o777]).toEqual([0, 0o444]);
  for (const gone of ["memory", "pages", "qemu", "run"])
    expect(existsSync(join(folder, gone)), gone).toBe(false);
  expect(existsSync(join(host.dataDir, "vms", vm.vmId))).toBe(false);
  expect(host.freedGroups).toEqual([vm.record.slot]);
  expect(host.qemus).toEqual([]);
  expect(host.errors).toEqual([]);
}

test("without grace its power goes, what QEMU holds is written out first, and its disk is kept", async () => {
  const { qemu } = host.of(vm);
  await vm.update({ deadline: { atMs: 1, action: "delete" } });
  expect(await stop(host.context, vm, { graceMs: 0 })).toEqual({
    isForced: true,
    reason: "Stopped by force",
  });
  expect(qemu.commands.at(-1)).toBe("quit");
  expect(vm.record).not.toHaveProperty("deadline");
  await expectAtRest("stopped");
});

test("a guest that powers off when it is asked to loses nothing by force", async () => {
  const { qemu, guest } = host.of(vm);
  guest.onFrame = () => void qemu.kill();
  const { isForced, reason } = await stop(host.context, vm, {});
  expect({ isForced, reason }).toEqual({ isForced: false, reason: "Stopped: its guest powered off" });
  expect(qemu.commands).not.toContain("quit");
  await expectAtRest("stopped");
});

test("a guest that does nothing loses its power when its grace is over, which its reason says", async () => {
  const { reason } = await stop(host.context, vm, { graceMs: 50 });
  expect(reason).toBe("Stopped by force: its guest did not power off within 0.05 s");
  await expectAtRest("stopped");
});

test("a stopped VM is left as it is, but is no more to be started by itself", async () => {
  const guest = vm.guest;
  if (guest === undefined) throw new Error("it has no guest");
  await host.of(vm).qemu.kill();
  const event = await settleLostGuest(host.context, vm, guest, "guest-reset");
  expect(event).toMatchObject({ kind: "vm_stopped", restarts: true, reason: "The guest rebooted" });
  expect(vm.record.restarts).toBe(true);
  const steps = await host.stepsOf(async () => {
    expect(await stop(host.context, vm, {})).toMatchObject({ reason: "The guest rebooted" });
  });
  expect(steps).toEqual([]);
  expect(vm.record).not.toHaveProperty("restarts");
});

test.each([
  ["guest-shutdown", "stopped", "vm_stopped", "The guest powered off"],
  ["host-signal", "stopped", "vm_stopped", "Its QEMU was told to end, as by a host that shuts down"],
  ["guest-panic", "error", "vm_failed", "QEMU was ended by SIGKILL"],
  [undefined, "error", "vm_failed", "QEMU was ended by SIGKILL"],
] as const)(
  "a QEMU that ends by %s leaves a VM that is %s, with its disk",
  async (shutdown, phase, kind, reason) => {
    const guest = vm.guest;
    if (guest === undefined) throw new Error("it has no guest");
    await host.of(vm).qemu.kill();
    expect(await settleLostGuest(host.context, vm, guest, shutdown)).toMatchObject({ kind, reason });
    expect(vm.record.hasDisk).toBe(phase === "error" ? true : undefined);
    await expectAtRest(phase);
  },
);

test("a guest that does nothing but reboot is stopped in the end", async () => {
  vm.become({ ...vm.record, soonReboots: 9 });
  const guest = vm.guest;
  if (guest === undefined) throw new Error("it has no guest");
  await host.of(vm).qemu.kill();
  const event = await settleLostGuest(host.context, vm, guest, "guest-reset");
  expect(event).toMatchObject({ restarts: false, reason: expect.stringContaining("rebooted 10 times") });
});

test("a layer that QEMU may have switched to before it ended is part of the disk, and half of one is not", async () => {
  await writeFile(join(vm.folder, "disk", "2.qcow2"), Buffer.alloc(200_000));
  await writeFile(join(vm.folder, "disk", "3.qcow2"), Buffer.alloc(100));
  await stop(host.context, vm, { graceMs: 0 });
  expect(vm.record.chain).toEqual(["0.raw", "1.qcow2", "2.qcow2"]);
  expect((await readdir(join(folder, "disk"))).toSorted()).toEqual(["0.raw", "1.qcow2", "2.qcow2"]);
});

test("of a stopped VM that is deleted nothing is left", async () => {
  await stop(host.context, vm, { graceMs: 0 });
  await deleteVm(host.context, vm);
  expect(existsSync(folder)).toBe(false);
  expect(host.context.vms.size).toBe(0);
});

test("a disk whose end cannot be recorded is kept all the same, and found by the next daemon", async () => {
  await host.failAt("rest.moved", () => stop(host.context, vm, { graceMs: 0 })).catch(() => undefined);
  await host.restart();
  expect(host.vm(vm.vmId).record).toMatchObject({ phase: "stopped", reason: "Stopped by force" });
  expect(await readFile(join(folder, "journal.json"), "utf8")).toContain("stopped");
});
