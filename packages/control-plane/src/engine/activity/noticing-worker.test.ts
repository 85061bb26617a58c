/** Uses of guests are noticed as long as they last, and no longer, whoever leaves them how. */
import { expect, test } from "vitest";
import { FastvmError, newVmId, type VmId } from "@fastvm/contract";
import { openMemoryStore } from "../../testing/memory-store.ts";
import { FakeWorker } from "../../testing/fake-worker.ts";
import { ActivityClock } from "./activity-clock.ts";
import { noticing } from "./noticing-worker.ts";

async function make() {
  let now = 1000;
  const store = await openMemoryStore();
  const clock = new ActivityClock({ store, clock: { now: () => (now += 1) } });
  const fake = new FakeWorker();
  const vmId = newVmId();
  fake.vms.set(vmId, { status: "running", spec: undefined });
  /** It lasts when it is in use now, whenever that is. */
  const lasts = (id: VmId = vmId): boolean => clock.lastUsed(id, null) !== clock.lastUsed(id, null);
  return { worker: noticing(fake, clock), fake, clock, vmId, lasts, store };
}

const COMMAND = { command: ["true"] };

test("a command is a use until its end, read to it or left early", async () => {
  const { worker, fake, vmId, lasts } = await make();
  fake.command = async function* () {
    yield { kind: "stdout", data: Buffer.from("a") };
    yield { kind: "stdout", data: Buffer.from("b") };
    yield { kind: "exit", exitCode: 0, timedOut: false, durationMs: 1 };
  };
  for (const count of [1, 3]) {
    let read = 0;
    for await (const event of await worker.exec(vmId, COMMAND)) {
      expect(event).toBeDefined();
      expect(lasts()).toBe(true);
      read += 1;
      if (read === count) break;
    }
    expect(lasts()).toBe(false);
  }
});

test("a stream that nobody begins to read is no use, and one that breaks is none any more", async () => {
  const { worker, fake, clock, vmId, lasts } = await make();
  const unread = await worker.exec(vmId, COMMAND);
  expect(lasts()).toBe(false);
  expect(clock.lastUsed(vmId, null)).not.toBeNull();
  await unread[Symbol.asyncIterator]().return?.();
  // oxlint-disable-next-line require-yield -- it breaks before
  fake.command = async function* () {
    throw new FastvmError("vm_died");
  };
  const broken = await worker.exec(vmId, COMMAND);
  await expect(broken[Symbol.asyncIterator]().next()).rejects.toThrow();
  expect(lasts()).toBe(false);
});

test("a refused use ends, and what is asked of no guest is none", async () => {
  const { worker, clock, vmId, lasts } = await make();
  const nobody = newVmId();
  await expect(worker.exec(nobody, COMMAND)).rejects.toThrow();
  await expect(worker.execs.list(nobody)).rejects.toThrow();
  expect(lasts(nobody)).toBe(false);
  await worker.stats(vmId);
  await worker.setAuthorizedKeys(vmId, []);
  expect(clock.lastUsed(vmId, null)).toBeNull();
  await worker.execs.list(vmId);
  expect(clock.lastUsed(vmId, null)).not.toBeNull();
});
