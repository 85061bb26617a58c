import { existsSync } from "node:fs";
import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readJournal } from "../../journal/journal.ts";
import { PAGES_FOLDER } from "../../memory/vm-memory.ts";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import type { ScriptedQemu } from "../../testing/scripted-qemu.ts";
import { consoleLog } from "../state/console-log.ts";
import type { Vm } from "../state/vm.ts";
import { pausedFolder } from "../state/worker-context.ts";
import { pause } from "./pause.ts";
import { resume } from "./resume.ts";

let host: ScriptedHost;
let vm: Vm;
let folder: string;
/** The QEMU of its first life. */
let paused: ScriptedQemu;

beforeEach(async () => {
  host = await ScriptedHost.open();
  vm = await host.launch();
  folder = pausedFolder(host.context.config, vm.vmId);
  paused = host.of(vm).qemu;
  paused.console = "from its first life";
  await pause(host.context, vm);
  await host.fillPool();
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

test("a paused VM goes on where it was, as another life of the same VM", async () => {
  const qemu = host.nextQemu;
  const before = vm.record;
  await resume(host.context, vm, {});
  const revived = host.vm(vm.vmId);
  expect(revived.record).toMatchObject({
    phase: "running",
    generation: before.generation + 1,
    identity: before.identity,
    chain: ["0.raw", "1.qcow2", "2.qcow2"],
  });
  expect(revived.record.linkGeneration).not.toBe(before.linkGeneration);
  expect(revived.transitions).toBe(vm.transitions);
  expect(qemu.isRunning).toBe(true);
  expect(existsSync(folder)).toBe(false);
  const { console } = await consoleLog(host.context, revived);
  expect(Buffer.from(console).toString()).toBe("from its first life");
});

test("its devices and its memory are what they were, and are checked", async () => {
  const qemu = host.nextQemu;
  await resume(host.context, vm, {});
  expect(qemu.loaded).toEqual(paused.saved);
  await pause(host.context, host.vm(vm.vmId));
  await host.fillPool();
  const [name = ""] = await readdir(join(folder, PAGES_FOLDER));
  await truncate(join(folder, PAGES_FOLDER, name), 4096);
  const damaged = resume(host.context, host.vm(vm.vmId), {});
  await expect(damaged).rejects.toMatchObject({
    code: expect.stringMatching(/snapshot_incompatible|launch_failed/),
  });
  expect(host.vm(vm.vmId).record.phase).toBe("paused");
});

test("a VM that runs is left as it is, and one that failed is not resumed", async () => {
  await resume(host.context, vm, {});
  const revived = host.vm(vm.vmId);
  expect(await host.stepsOf(() => resume(host.context, revived, {}))).toEqual([]);
  revived.become({ ...revived.record, phase: "error" });
  await expect(resume(host.context, revived, {})).rejects.toMatchObject({ code: "vm_wrong_state" });
});

test("a generation never goes back, whatever a record says that was restored from a copy", async () => {
  await resume(host.context, vm, { generation: 1 });
  expect(host.vm(vm.vmId).record.generation).toBe(2);
});

test("wherever it fails or is cut short, the VM is paused still, and can be resumed", async () => {
  const other = await ScriptedHost.open();
  const model = await other.launch();
  await pause(other.context, model);
  await other.fillPool();
  const all = await other.stepsOf(() => resume(other.context, model, {}));
  await other[Symbol.asyncDispose]();
  for (const name of new Set(all.slice(0, all.indexOf("introduce.recorded")))) {
    for (const how of ["fails", "is aborted"] as const) {
      await host.fillPool();
      const caller = new AbortController();
      const reason = new Error(`cut short at ${name}`);
      const work = () => resume(host.context, vm, {}, caller.signal);
      if (how === "fails") await expect(host.failAt(name, work), name).rejects.toThrow(name);
      else
        await expect(
          host.doAt(name, () => caller.abort(reason), work),
          name,
        ).rejects.toBe(reason);
      expect(host.vm(vm.vmId), name).toBe(vm);
      expect(await readJournal(folder), name).toMatchObject({ phase: "paused", generation: 1 });
      expect(existsSync(join(host.dataDir, "vms", vm.vmId)), name).toBe(false);
    }
  }
  await host.fillPool();
  await resume(host.context, vm, {});
  expect(host.vm(vm.vmId).record).toMatchObject({ phase: "running", generation: 2 });
});

test.each(["resume.restored", "resume.logs-kept", "resume.state-removed"] as const)(
  "what cannot be kept or cleared away of the paused state does not stop the VM: %s",
  async (name) => {
    await host.failAt(name, () => resume(host.context, vm, {}));
    expect(host.vm(vm.vmId).record).toMatchObject({ phase: "running", generation: 2 });
    expect(existsSync(folder)).toBe(false);
    expect(host.errors).toHaveLength(1);
  },
);
