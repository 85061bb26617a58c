import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Kind } from "../../guest-link/protocol.ts";
import { readJournal } from "../../journal/journal.ts";
import { STATE_FILE } from "../../snapshot/folder.ts";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import { launch } from "./launch.ts";

let host: ScriptedHost;

beforeEach(async () => {
  host = await ScriptedHost.open();
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

async function expectNothingLeft(): Promise<void> {
  expect([...host.context.vms.keys()]).toEqual([]);
  expect(await readdir(join(host.dataDir, "vms"))).toEqual([]);
}

test("the guest goes on when its disk and its state are there, and is a VM when it has its identity", async () => {
  const qemu = host.nextQemu;
  const steps = await host.stepsOf(async () => {
    const vm = await host.launch();
    expect(vm.record).toMatchObject({ phase: "running", generation: 1, chain: ["0.raw", "1.qcow2"] });
    expect(await readJournal(vm.folder)).toMatchObject({ phase: "running", process: qemu.process.identity });
  });
  expect(qemu.commands).toEqual(["blockdev-add", "qom-set", "migrate-incoming", "cont"]);
  expect(qemu.loaded?.toString()).toBe("the device state of a template");
  expect(qemu.active).toBe("disk-1");
  expect(steps.indexOf("introduce.identified")).toBeGreaterThan(steps.indexOf("start-guest.continued"));
  expect(steps.indexOf("introduce.recorded")).toBeGreaterThan(steps.indexOf("introduce.identified"));
});

test.each(["blockdev-add", "qom-set", "migrate-incoming", "cont"])(
  "a QEMU that refuses %s is ended, and nothing of the VM is left",
  async (command) => {
    const qemu = host.nextQemu;
    qemu.refuse(command);
    await expect(host.launch()).rejects.toMatchObject({
      code: "launch_failed",
      message: expect.stringContaining(command),
    });
    expect(qemu.hasEnded).toBe(true);
    expect(host.freedGroups).toHaveLength(1);
    await expectNothingLeft();
  },
);

test("nor of one whose guest refuses its identity", async () => {
  const qemu = host.nextQemu;
  const guest = host.guestOf(qemu);
  guest.onFrame = ({ kind, stream }) => {
    if (kind === Kind.IDENTITY) guest.send(Kind.IDENTITY_DONE, stream, Buffer.from([5, 0, 0, 0]));
  };
  await expect(host.launch()).rejects.toMatchObject({ code: "launch_failed" });
  expect(qemu.hasEnded).toBe(true);
  await expectNothingLeft();
});

test("nor of one whose QEMU ends meanwhile, which is told", async () => {
  const qemu = host.nextQemu;
  host.guestOf(qemu).onHello = () => void qemu.kill();
  await expect(host.launch()).rejects.toMatchObject({ code: "vm_died" });
  await expectNothingLeft();
});

test("a damaged state is told from a QEMU that fails", async () => {
  await writeFile(join(host.template.folder, STATE_FILE), "something else of the same length");
  await expect(host.launch()).rejects.toMatchObject({ code: "snapshot_incompatible" });
  await expectNothingLeft();
});

test("wherever it fails or is cut short, nothing is left", async () => {
  const all = await host.stepsOf(() => host.launch());
  const steps = new Set(all.slice(0, all.indexOf("introduce.recorded")));
  const [vm] = host.context.vms.values();
  for (const name of steps) {
    for (const how of ["fails", "is aborted"] as const) {
      await host.fillPool();
      const spec = host.spec();
      const caller = new AbortController();
      const reason = new Error(`cut short at ${name}`);
      const work = () => launch(host.context, spec, caller.signal);
      if (how === "fails") await expect(host.failAt(name, work), name).rejects.toThrow(name);
      else
        await expect(
          host.doAt(name, () => caller.abort(reason), work),
          name,
        ).rejects.toBe(reason);
      expect([...host.context.vms.values()], name).toEqual([vm]);
      expect(existsSync(join(host.dataDir, "vms", spec.vmId)), name).toBe(false);
    }
  }
  await host.fillPool();
  await host.launch();
});
