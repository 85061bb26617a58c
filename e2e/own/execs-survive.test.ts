/** A command in the background outlives whoever started it, the daemon, pause and resume; snapshots and forks have it, each its own. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CommandHandle, FinishedCommand, Vm } from "fastvm";
import { TestDaemon } from "../harness/daemon.ts";
import { eventually as within } from "../harness/eventually.ts";

/** Answers each line with its own number and the line. */
const COUNTER = 'n=0; echo ready; while read -r line; do n=$((n + 1)); echo "$n $line"; done; exit 9';
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

/** For whatever a loaded machine takes its time with. */
const PATIENCE_MS = 20_000;
const eventually = (attempt: () => Promise<void> | void): Promise<void> =>
  within(async () => await attempt(), PATIENCE_MS);

let daemon: TestDaemon;
let vm: Vm;
let handle: CommandHandle;

beforeAll(async () => {
  daemon = await TestDaemon.start();
  vm = await daemon.client.vms.launch({ machineType: "c1m2" });
  const { commands } = daemon.client.vms;
  handle = await commands.start(vm, COUNTER, { keepStdin: true });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

/** Another line, and the answer has come. */
async function say(to: CommandHandle, line: string, answered: string): Promise<void> {
  await to.sendStdin(`${line}\n`);
  await eventually(async () => {
    const { stdout } = await daemon.client.vms.execs.output(to.vmId, to.id);
    expect(stdout).toContain(answered);
  });
}

test("a daemon that is killed, with a reader in the midst of it, who reads on", async () => {
  await say(handle, "before", "1 before");
  const seen: string[] = [];
  const waited: Promise<FinishedCommand> = handle.wait({
    onStdout: (data) => seen.push(Buffer.from(data).toString()),
  });
  waited.catch(() => undefined);
  await eventually(() => expect(seen.join("")).toBe(text(["ready", "1 before"])));
  await daemon.sigkill();
  await daemon.restart();
  await say(handle, "after", "2 after");
  await eventually(() => expect(seen.join("")).toBe(text(["ready", "1 before", "2 after"])));
  expect(await handle.refresh()).toMatchObject({ status: "running", pid: handle.pid, restores: 0 });
});

test("pause and resume, of which its handle tells", async () => {
  await daemon.client.vms.pause(vm);
  await expect(handle.refresh()).rejects.toMatchObject({ status: 409, code: "vm_wrong_state" });
  await daemon.client.vms.resume(vm);
  const state = await handle.refresh();
  expect(state).toMatchObject({ status: "running", pid: handle.pid, restores: 1 });
  expect(state.restoredOffset).toBe(state.endOffset);
  await say(handle, "awake", "3 awake");
});

test("snapshot and fork, where it goes its own way", async () => {
  const snapshot = await daemon.client.snapshots.create({ vmId: vm.id });
  const { children } = await daemon.client.vms.fork(vm);
  const [child] = children;
  if (child?.vm === undefined) throw new Error("the fork has no child");
  const restored = await daemon.client.vms.launch({ snapshotId: snapshot.id });
  const handles = [handle, await handle.in(child.vm), await handle.in(restored)];
  expect(handles.map(({ state }) => state.restores)).toEqual([1, 2, 2]);
  const before = text(["ready", "1 before", "2 after", "3 awake"]);
  for (const [index, each] of handles.entries()) {
    expect(each.pid).toBe(handle.pid);
    await say(each, `vm${index}`, `4 vm${index}`);
    await each.closeStdin();
    const finished = await each.wait();
    expect(finished).toMatchObject({ exitCode: 9, stdout: `${before}4 vm${index}\n`, lostBytes: 0 });
    const { restoredOffset } = each.state;
    const own = await daemon.client.vms.execs.output(each.vmId, each.id, { offset: restoredOffset });
    expect(own.stdout).toBe(index === 0 ? text(["3 awake", "4 vm0"]) : `4 vm${index}\n`);
  }
});
