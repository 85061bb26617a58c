import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import { consoleLog } from "../state/console-log.ts";
import type { Vm } from "../state/vm.ts";
import { deleteVm } from "./delete-vm.ts";

/** In which a delete that waits for nobody has removed the folder. */
const MEANWHILE_MS = 100;

let host: ScriptedHost;
let vm: Vm;

beforeEach(async () => {
  host = await ScriptedHost.open();
  vm = await host.launch();
});

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

/** What writes into its folder beside its turn is held; its folder may go only after that. */
async function expectWaitsFor(held: PromiseWithResolvers<void>, write: Promise<unknown>): Promise<void> {
  const deleted = deleteVm(host.context, vm);
  await sleep(MEANWHILE_MS);
  expect(existsSync(vm.folder)).toBe(true);
  held.resolve();
  await Promise.all([write, deleted]);
  expect(existsSync(vm.folder)).toBe(false);
}

test("its folder goes when nobody writes its journal there, and nobody does afterwards", async () => {
  const held = Promise.withResolvers<void>();
  await host.doAt(
    "journal.begun",
    () => held.promise,
    () => expectWaitsFor(held, vm.update({ reason: "written beside its turn" })),
  );
  await expect(vm.update({})).rejects.toMatchObject({ code: "vm_wrong_state" });
  expect(host.errors).toEqual([]);
});

test("its folder goes when nobody keeps its console there", async () => {
  const held = Promise.withResolvers<void>();
  const write = Promise.all([vm.logs.run(() => held.promise), consoleLog(host.context, vm)]);
  await expectWaitsFor(held, write);
});
