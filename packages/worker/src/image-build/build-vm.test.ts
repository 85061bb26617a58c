import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ScriptedHost } from "../testing/scripted-host.ts";
import type { Vm } from "../vm/state/vm.ts";
import { settleLostGuest } from "../vm/transitions/guest-lost.ts";
import { BuildVm } from "./build-vm.ts";

test("one that dies is nobody's VM: whoever works with it is told, and nothing of it is kept", async () => {
  await using host = await ScriptedHost.open();
  const { context } = host;
  const settled: Promise<unknown>[] = [];
  const onGuestLost = (vm: Vm): void => {
    const { guest } = vm;
    if (guest === undefined) return;
    const settle = () => settleLostGuest(context, vm, guest, undefined);
    settled.push(vm.transitions.run(settle).then((event) => event?.kind));
  };
  {
    await using build = await BuildVm.start({ ...context, onGuestLost }, new AbortController().signal);
    const { qmp } = build.vm.requireGuest().qemu;
    const { qemu, guest } = host.of(build.vm);
    guest.onFrame = () => void qemu.kill();
    await expect(build.run(["true"])).rejects.toMatchObject({ code: "vm_died" });
    await qmp.closed;
    await build.vm.transitions.run(async () => undefined);
    expect(existsSync(build.vm.folder)).toBe(true);
  }
  expect(await Promise.all(settled)).toEqual([]);
  for (const folder of ["stopped", "templating"])
    expect(await readdir(join(host.dataDir, folder)), folder).toEqual([]);
  expect(host.freedGroups).toHaveLength(1);
  expect(host.errors).toEqual([]);
});
