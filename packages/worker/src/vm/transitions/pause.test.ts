import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readJournal } from "../../journal/journal.ts";
import { openSnapshot } from "../../snapshot/folder.ts";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import type { Vm } from "../state/vm.ts";
import { pausedFolder } from "../state/worker-context.ts";
import { pause } from "./pause.ts";

let host: ScriptedHost;
let vm: Vm;
let folder: string;

beforeEach(async () => {
  host = await ScriptedHost.open();
  vm = await host.launch();
  folder = pausedFolder(host.context.config, vm.vmId);
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

async function expectPaused(): Promise<void> {
  expect(vm.record).toMatchObject({ phase: "paused", generation: 1 });
  expect(await readJournal(folder)).toMatchObject({ phase: "paused" });
  expect((await openSnapshot(folder))?.manifest.layers.map(({ name }) => name)).toEqual(["0.raw", "1.qcow2"]);
  expect(existsSync(join(host.dataDir, "vms", vm.vmId))).toBe(false);
}

test("the guest ends only once its state is published, and nothing of it is held then", async () => {
  const { qemu } = host.of(vm);
  await host.doAt(
    "pause.published",
    async () => {
      expect(qemu.hasEnded).toBe(false);
      expect(qemu.isRunning).toBe(false);
      expect(await readJournal(folder)).toMatchObject({ phase: "paused" });
    },
    () => pause(host.context, vm),
  );
  expect(qemu.hasEnded).toBe(true);
  expect(host.freedGroups).toEqual([vm.record.slot]);
  await expectPaused();
});

test("what its guest printed goes along, and its deadline does not", async () => {
  await vm.update({ deadline: { atMs: 1, action: "delete" } });
  host.of(vm).qemu.console = "last words";
  await pause(host.context, vm);
  expect(vm.record).not.toHaveProperty("deadline");
  expect(vm.record).not.toHaveProperty("process");
  expect(existsSync(join(folder, "console.log"))).toBe(true);
});

test("a paused VM is left as it is", async () => {
  await pause(host.context, vm);
  const steps = await host.stepsOf(async () => {
    expect(await pause(host.context, vm)).toEqual({ pauseMs: 0, dirtyBytes: 0, durationMs: 0 });
  });
  expect(steps).toEqual([]);
});

test("wherever it fails before its guest is ended, the VM runs on, and can be paused", async () => {
  const { qemu } = host.of(vm);
  const other = await ScriptedHost.open();
  const model = await other.launch();
  const all = await other.stepsOf(() => pause(other.context, model));
  await other[Symbol.asyncDispose]();
  for (const name of new Set(all.slice(0, all.indexOf("pause.published") + 1))) {
    await expect(
      host.failAt(name, () => pause(host.context, vm)),
      name,
    ).rejects.toThrow(name);
    expect(vm.record.phase, name).toBe("running");
    expect(qemu, name).toMatchObject({ hasEnded: false, isRunning: true });
    expect(vm.record.chain.at(-1), name).toBe(`${qemu.active.replace("disk-", "")}.qcow2`);
    expect(existsSync(folder), name).toBe(false);
  }
  await pause(host.context, vm);
  expect(vm.record.phase).toBe("paused");
});

test.each(["stop", "xen-save-devices-state", "blockdev-snapshot"])(
  "a QEMU that refuses %s lets its guest go on",
  async (command) => {
    const { qemu } = host.of(vm);
    qemu.refuse(command);
    await expect(pause(host.context, vm)).rejects.toMatchObject({ code: "capture_failed" });
    expect(qemu).toMatchObject({ hasEnded: false, isRunning: true });
    expect(existsSync(folder)).toBe(false);
  },
);

test("what nobody could read of the console is no reason to keep a VM awake", async () => {
  host.of(vm).qemu.refuse("ringbuf-read");
  await pause(host.context, vm);
  await expectPaused();
});

test.each(["pause.killed", "slot.cgroup-removed", "slot.folder-removed", "slot.freed"] as const)(
  "what fails at %s does not make it run again, and keeps nothing of what it held",
  async (name) => {
    const { folder: held, record } = vm;
    await host.failAt(name, () => pause(host.context, vm));
    expect(vm.record.phase).toBe("paused");
    expect(host.errors).toHaveLength(1);
    expect(existsSync(held)).toBe(false);
    expect(host.freedGroups).toContain(record.slot);
  },
);
