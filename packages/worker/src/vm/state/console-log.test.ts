/** Somebody reads a VM's console, which keeps what is read in its folder, just while that folder begins or ends to be the VM's. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { StepName } from "@fastvm/contract";
import { ScriptedHost } from "../../testing/scripted-host.ts";
import { pause } from "../transitions/pause.ts";
import { resume } from "../transitions/resume.ts";
import { stop } from "../transitions/stop.ts";
import { consoleLog } from "./console-log.ts";
import type { Vm } from "./vm.ts";

/** In which whoever does not wait has come to its end. */
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

async function read(): Promise<string> {
  const { console } = await consoleLog(host.context, host.vm(vm.vmId));
  return Buffer.from(console).toString();
}

/** As the work, in the midst of which other work begins, which may have to wait for it; what came of that. */
async function beside<T>(name: StepName, begin: () => Promise<T>, work: () => Promise<unknown>): Promise<T> {
  const begun = Promise.withResolvers<Promise<T>>();
  const meet = async (): Promise<void> => {
    const other = begin();
    other.catch(() => undefined);
    begun.resolve(other);
    await Promise.race([other.catch(() => undefined), sleep(MEANWHILE_MS)]);
  };
  await host.doAt(name, meet, work);
  return await begun.promise;
}

test("a resumed VM has the lines of both lives, whoever reads them first", async () => {
  host.of(vm).qemu.console = "one, ";
  await pause(host.context, vm);
  await host.fillPool();
  host.nextQemu.console = "two";
  const text = await beside("resume.restored", read, () => resume(host.context, vm, {}));
  expect(text).toBe("one, two");
  expect(await read()).toBe("one, two");
});

test("a VM that powers off leaves its folder to whoever has drained its console", async () => {
  const { qemu, guest } = host.of(vm);
  qemu.console = "its last words";
  guest.onFrame = () => void qemu.kill();
  const stopping = () => stop(host.context, vm, {});
  await beside("file.written-aside", stopping, async () => expect(await read()).toBe("its last words"));
  expect(vm.record.phase).toBe("stopped");
  expect(await read()).toBe("its last words");
});

test("a VM that stops has its console at every moment", async () => {
  host.of(vm).qemu.console = "its last words";
  const text = await beside("rest.recorded", read, () => stop(host.context, vm, { graceMs: 0 }));
  expect(text).toBe("its last words");
});
