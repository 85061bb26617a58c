import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { newSnapshotId } from "@fastvm/contract";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DISK_FOLDER } from "../../disk/chain.ts";
import { Kind } from "../../guest-link/protocol.ts";
import { readJournal } from "../../journal/journal.ts";
import { openSnapshot } from "../../snapshot/folder.ts";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import type { ScriptedQemu } from "../../testing/scripted-qemu.ts";
import type { Vm } from "../state/vm.ts";
import { snapshotFolder } from "../state/worker-context.ts";
import { createSnapshot } from "../transitions/create-snapshot.ts";

let host: ScriptedHost;
let vm: Vm;
let qemu: ScriptedQemu;

beforeEach(async () => {
  host = await ScriptedHost.open();
  vm = await host.launch();
  ({ qemu } = host.of(vm));
  qemu.commands.length = 0;
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

/** Its folder, which is there only when it was made. */
async function snapshot(): Promise<string> {
  const id = newSnapshotId();
  await createSnapshot(host.context, vm, id);
  return snapshotFolder(host.context.config, id);
}

function at(command: string): number {
  const found = qemu.commands.indexOf(command);
  expect(found, command).toBeGreaterThanOrEqual(0);
  return found;
}

/** What must be true of a VM after whatever became of a capture of it. */
async function expectRunsOn(what: string): Promise<void> {
  expect(qemu, what).toMatchObject({ isRunning: true, hasEnded: false });
  const top = `${qemu.active.replace("disk-", "")}.qcow2`;
  expect(vm.record.chain.at(-1), what).toBe(top);
  // It may be behind, where it could not be written; never ahead.
  const written = (await readJournal(vm.folder))?.chain ?? [];
  expect(vm.record.chain.slice(0, written.length), what).toEqual(written);
  for (const layer of vm.record.chain) {
    const { mode } = await stat(join(vm.folder, DISK_FOLDER, layer));
    if (layer !== top && layer !== "0.raw") expect(mode & 0o222, `${what}: ${layer} can be written`).toBe(0);
  }
}

test("only what needs a guest that stands still happens while it does", async () => {
  await snapshot();
  const [stop, cont] = [at("stop"), at("cont")];
  expect(at("blockdev-add")).toBeLessThan(stop);
  expect(at("xen-save-devices-state")).toBeGreaterThan(stop);
  expect(at("blockdev-snapshot")).toBeGreaterThan(at("xen-save-devices-state"));
  expect(at("blockdev-snapshot")).toBeLessThan(cont);
  await expectRunsOn("a capture");
});

test("what is published is the state, the memory that was written and the layers below the new one", async () => {
  const opened = await openSnapshot(await snapshot());
  expect(opened?.manifest).toMatchObject({
    deviceState: { bytes: qemu.saved.length },
    layers: [{ name: "0.raw" }, { name: "1.qcow2" }],
  });
  expect(opened?.manifest.pages?.files).toMatchObject([{ bytes: 3 * 4096 }]);
  expect(vm.record.chain).toEqual(["0.raw", "1.qcow2", "2.qcow2"]);
});

test("the guest is brought to a frame boundary before it stands still, and is spoken to again afterwards", async () => {
  const { guest } = host.of(vm);
  const pings = guest.of(Kind.PING).length;
  await host.doAt("capture.stopped", () => expect(guest.of(Kind.PING)).toHaveLength(pings + 1), snapshot);
  await (await vm.link({})).ping();
});

test("a guest that does not answer is captured as it is", async () => {
  host.of(vm).guest.onFrame = () => undefined;
  await snapshot();
  await expectRunsOn("a silent guest");
});

test.each(["blockdev-add", "stop", "xen-save-devices-state", "blockdev-snapshot", "cont"])(
  "a QEMU that refuses %s runs on as it was, and the next capture is a whole one",
  async (command) => {
    qemu.refuse(command);
    await expect(snapshot()).rejects.toMatchObject({ code: "capture_failed" });
    await expectRunsOn(command);
    await (await vm.link({})).ping();
    expect(existsSync(await snapshot())).toBe(true);
    await expectRunsOn("the next");
  },
);

test("a switch of which only QEMU knows is one", async () => {
  qemu.refuse("blockdev-snapshot", "done");
  await expect(snapshot()).rejects.toMatchObject({ code: "capture_failed" });
  expect(qemu.active).toBe("disk-2");
  await expectRunsOn("a lost answer");
  await snapshot();
  expect(vm.record.chain).toEqual(["0.raw", "1.qcow2", "2.qcow2", "3.qcow2"]);
});

test("an overlay that a capture before has left open is opened anew", async () => {
  qemu.refuse("stop");
  await expect(snapshot()).rejects.toThrow();
  // As if it had not been closed either.
  qemu.nodes.add("disk-2");
  await snapshot();
  await expectRunsOn("after a leftover");
});

test("a QEMU that ends meanwhile is told from one that refuses", async () => {
  await expect(host.doAt("capture.stopped", () => qemu.kill(), snapshot)).rejects.toMatchObject({
    code: "vm_died",
  });
});

test("wherever it fails, the VM runs on and no snapshot is there", async () => {
  const names = new Set(await host.stepsOf(snapshot));
  for (const name of names) {
    if (name === "publish.done") continue;
    const id = newSnapshotId();
    const work = () => createSnapshot(host.context, vm, id);
    await expect(host.failAt(name, work), name).rejects.toThrow(name);
    await expectRunsOn(name);
    expect(existsSync(snapshotFolder(host.context.config, id)), name).toBe(false);
  }
  await snapshot();
});
