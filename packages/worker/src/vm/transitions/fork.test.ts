import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import type { Vm } from "../state/vm.ts";
import { forksFolder } from "../state/worker-context.ts";
import { fork } from "./fork.ts";
import { pause } from "./pause.ts";

let host: ScriptedHost;
let vm: Vm;

beforeEach(async () => {
  host = await ScriptedHost.open(2);
  vm = await host.launch();
  await host.fillPool();
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

async function expectNoStateLeft(): Promise<void> {
  expect(await readdir(forksFolder(host.context.config))).toEqual([]);
}

test("children are VMs of their own, with the source's memory and disk; the source runs on", async () => {
  const { qemu } = host.of(vm);
  const children = [host.child(), host.child()];
  const result = await fork(host.context, vm, children);
  expect(result.children).toMatchObject(children.map(({ vmId }) => ({ vmId, ok: true })));
  for (const { vmId } of children) {
    const child = host.vm(vmId);
    expect(child.record).toMatchObject({ phase: "running", generation: 1, diskGib: vm.record.diskGib });
    expect(child.record.linkGeneration).not.toBe(vm.record.linkGeneration);
    expect(host.of(child).qemu.loaded).toEqual(qemu.saved);
  }
  expect(qemu).toMatchObject({ isRunning: true, hasEnded: false });
  await expectNoStateLeft();
});

test("a paused VM is forked from what it is, without a capture", async () => {
  await pause(host.context, vm);
  const child = host.child();
  const result = await fork(host.context, vm, [child]);
  expect(result).toMatchObject({ capture: { pauseMs: 0, dirtyBytes: 0 }, children: [{ ok: true }] });
  expect(vm.record.phase).toBe("paused");
  await expectNoStateLeft();
});

test("a capture that fails fails the fork: no child is begun, and the source runs on", async () => {
  const { qemu } = host.of(vm);
  qemu.refuse("xen-save-devices-state");
  const children = [host.child(), host.child()];
  await expect(fork(host.context, vm, children)).rejects.toMatchObject({ code: "capture_failed" });
  expect([...host.context.vms.values()]).toEqual([vm]);
  expect(qemu.isRunning).toBe(true);
  await expectNoStateLeft();
});

test("a child that fails or is cut short is nobody's brother's concern", async () => {
  const [lost, kept] = [host.child(), host.child()];
  const caller = new AbortController();
  const reason = new Error("it was deleted");
  caller.abort(reason);
  const { children } = await fork(host.context, vm, [lost, kept], (vmId) =>
    vmId === lost.vmId ? caller.signal : undefined,
  );
  expect(children).toMatchObject([
    { vmId: lost.vmId, ok: false, error: reason },
    { vmId: kept.vmId, ok: true },
  ]);
  expect(host.context.vms.has(lost.vmId)).toBe(false);
  expect(existsSync(join(host.dataDir, "vms", lost.vmId))).toBe(false);
  expect(host.vm(kept.vmId).record.phase).toBe("running");
  await expectNoStateLeft();
});

test("whatever fails once the children run, they run, and the fork's state goes", async () => {
  const { children } = await host.failAt("fork.children-settled", () =>
    fork(host.context, vm, [host.child()]),
  );
  expect(children).toMatchObject([{ ok: true }]);
  expect(host.errors).toHaveLength(1);
  await expectNoStateLeft();
});

test("wherever a child fails, nothing of it is left", async () => {
  const all = await host.stepsOf(() => fork(host.context, vm, [host.child()]));
  const captured = new Set(all.slice(0, all.indexOf("fork.captured") + 1));
  const ofChild = all.slice(captured.size, all.indexOf("fork.children-settled"));
  // The first time that a step is passed is the capture's, where that passes it, too.
  for (const name of new Set(ofChild.filter((step) => !captured.has(step)))) {
    await host.fillPool();
    const before = host.context.vms.size;
    const child = host.child();
    const { children } = await host.failAt(name, () => fork(host.context, vm, [child]));
    expect(children, name).toMatchObject([{ ok: false }]);
    expect(host.context.vms.size, name).toBe(before);
    expect(existsSync(join(host.dataDir, "vms", child.vmId)), name).toBe(false);
    await expectNoStateLeft();
  }
});
