/** A fork of a VM with more memory of its own than is written into a process of the pool: its children's processes, whatever fails. */
import { existsSync } from "node:fs";
import { FastvmError, hookSteps, newVmId } from "@fastvm/contract";
import type { StepName, VmId } from "@fastvm/contract";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { PagesHelper } from "../../memory/pages-helper.ts";
import { inGuest, TestContext } from "../../testing/test-context.ts";
import { DENY_ALL } from "../../testing/test-worker.ts";
import type { Vm } from "../state/vm.ts";
import { vmFolder } from "../state/worker-context.ts";
import { fork } from "../transitions/fork.ts";

/** More than children write into their own memory. */
const LARGE_MIB = 80;
const { tracksWrites, detail } = await PagesHelper.probe();

describe.skipIf(!tracksWrites)(`children of a large VM${tracksWrites ? "" : `: skipped, ${detail}`}`, () => {
  let host: TestContext;
  let vm: Vm;
  let sum: string;
  let unhook: () => void = () => undefined;

  beforeAll(async () => {
    host = await TestContext.open();
    vm = await host.launch();
    sum = await inGuest(vm, `head -c ${LARGE_MIB}M /dev/urandom > /dev/shm/large; md5sum < /dev/shm/large`);
  });

  afterEach(() => unhook());

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    expect(host.errors).toEqual([]);
  });

  /** All steps from here on, in order; at the first of that name the work fails. */
  function failAt(name?: StepName): StepName[] {
    const seen: StepName[] = [];
    unhook = hookSteps(async (passed) => {
      seen.push(passed);
      if (passed !== name || seen.indexOf(passed) !== seen.length - 1) return;
      throw new FastvmError("internal", `the test fails it at ${name}`);
    });
    return seen;
  }

  async function forkInto(vmId: VmId, signal?: AbortSignal): Promise<{ readonly ok: boolean }> {
    const child = { vmId, identity: vm.record.identity, network: DENY_ALL };
    const { children } = await fork(host.context, vm, [child], () => signal);
    return { ok: children[0]?.ok === true };
  }

  const folderOf = (vmId: VmId): string => vmFolder(host.context.config, vmId);

  async function expectWhole(vmId: VmId): Promise<void> {
    const child = host.context.vms.get(vmId);
    if (child === undefined) throw new Error("the fork has no child");
    expect(child.memory.spawned.extents.length).toBeGreaterThan(0);
    expect(await inGuest(child, "md5sum < /dev/shm/large")).toBe(sum);
  }

  test("start while the rest of the capture is gathered", async () => {
    const seen = failAt();
    const vmId = newVmId();
    expect(await forkInto(vmId)).toEqual({ ok: true });
    expect(seen.indexOf("slot.reserved")).toBeGreaterThan(seen.indexOf("capture.memory-remembered"));
    expect(seen.indexOf("slot.reserved")).toBeLessThan(seen.indexOf("publish.done"));
    expect(seen.filter((step) => step === "slot.started")).toHaveLength(1);
    await expectWhole(vmId);
  });

  test("are begun anew where that process does not come up", async () => {
    const seen = failAt("slot.started");
    const vmId = newVmId();
    expect(await forkInto(vmId)).toEqual({ ok: true });
    expect(seen.filter((step) => step === "slot.started")).toHaveLength(2);
    await expectWhole(vmId);
  });

  test("leave nothing where the capture fails afterwards", async () => {
    const vmId = newVmId();
    const seen = failAt("publish.built");
    await expect(forkInto(vmId)).rejects.toThrow("publish.built");
    expect(seen).toContain("slot.freed");
    expect(existsSync(folderOf(vmId))).toBe(false);
    expect(host.context.vms.get(vm.vmId)?.record.phase).toBe("running");
  });

  test("leave nothing where they were given up meanwhile", async () => {
    const vmId = newVmId();
    const caller = new AbortController();
    const seen = failAt();
    caller.abort(new Error("it was deleted"));
    expect(await forkInto(vmId, caller.signal)).toEqual({ ok: false });
    expect(seen).toContain("slot.freed");
    expect(existsSync(folderOf(vmId))).toBe(false);
  });
});
