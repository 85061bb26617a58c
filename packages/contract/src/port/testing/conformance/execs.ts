/** Commands in the background of a guest that answers. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { VmId } from "../../../model/ids.ts";
import type { AttachEvent, BackgroundExecs, OutputFrom } from "../../background-execs.ts";
import { caller, eventually, expectPending } from "../worker-lab.ts";
import type { PortTester } from "../worker-lab.ts";

const ALL = { offset: 0, follow: true };
const NOW_ON = { offset: Number.MAX_SAFE_INTEGER, follow: true };

interface Guest {
  readonly vmId: VmId;
  readonly execs: BackgroundExecs;
  readonly events: (execId: string, from?: OutputFrom) => Promise<AttachEvent[]>;
}

export function describeExecs(tester: () => PortTester): void {
  describe("commands in the background", () => {
    let vmId: VmId;

    beforeAll(async () => {
      vmId = await tester().launched();
    });

    afterAll(async () => {
      await tester().worker.deleteVm(vmId);
    });

    const guest = (): Guest => {
      const { execs } = tester().worker;
      const events = async (execId: string, from: OutputFrom = ALL): Promise<AttachEvent[]> => {
        const all: AttachEvent[] = [];
        for await (const event of await execs.attach(vmId, execId, from)) all.push(event);
        return all;
      };
      return { vmId, execs, events };
    };
    testReading(guest);
    testEnds(guest);
    testTerminals(guest);
  });
}

function testReading(guest: () => Guest): void {
  test("are kept with their output and their end, for as many as come", async () => {
    const { vmId, execs, events } = guest();
    await execs.start(vmId, "printf", { command: ["printf", "%s", "hello"] });
    const [at, ...rest] = await events("printf");
    expect(at).toEqual({ kind: "at", offset: 0 });
    const exit = { kind: "exit", exitCode: 0, timedOut: false, durationMs: expect.any(Number) as number };
    expect(rest.map(textOf)).toEqual(["hello", exit]);
    expect((await events("printf", { offset: 4, follow: true })).map(textOf)).toEqual([
      { kind: "at", offset: 4 },
      "o",
      exit,
    ]);
    expect((await events("printf", NOW_ON)).map(textOf)).toEqual([{ kind: "at", offset: 5 }, exit]);
    expect(await execs.get(vmId, "printf")).toMatchObject({
      execId: "printf",
      command: ["printf", "%s", "hello"],
      end: { exitCode: 0, timedOut: false },
      output: { firstOffset: 0, endOffset: 5 },
      takesStdin: false,
      restores: 0,
    });
  });

  test("are not touched by their readers, and end by a signal", async () => {
    const { vmId, execs, events } = guest();
    await execs.start(vmId, "sleep", { command: ["sleep", "infinity"], stdin: "open" });
    const { reason, signal, leave } = caller();
    const view = (await execs.attach(vmId, "sleep", ALL, { signal }))[Symbol.asyncIterator]();
    expect((await view.next()).value).toEqual({ kind: "at", offset: 0 });
    const waiting = view.next();
    await expectPending(waiting);
    leave();
    await expect(waiting).rejects.toBe(reason);
    expect(await events("sleep", { offset: 0, follow: false })).toEqual([{ kind: "at", offset: 0 }]);
    const state = await execs.get(vmId, "sleep");
    expect(state.takesStdin).toBe(true);
    expect(state).not.toHaveProperty("end");
    await execs.writeStdin(vmId, "sleep", { data: Buffer.from("unread"), closes: true });
    await expect(
      execs.writeStdin(vmId, "sleep", { data: Buffer.from("more"), closes: false }),
    ).rejects.toMatchObject({ code: "conflict" });
    expect(await execs.signal(vmId, "sleep", 15)).toBe(true);
    expect((await events("sleep")).at(-1)).toMatchObject({ kind: "exit", exitCode: 143 });
    expect(await execs.signal(vmId, "sleep", 15)).toBe(false);
  });
}

function testEnds(guest: () => Guest): void {
  test("have an id each, and are gone when they are removed", async () => {
    const { vmId, execs, events } = guest();
    await execs.start(vmId, "removed", { command: ["sleep", "infinity"] });
    const again = execs.start(vmId, "removed", { command: ["sleep", "infinity"] });
    await expect(again).rejects.toMatchObject({ code: "conflict" });
    await expect(execs.resize(vmId, "removed", { cols: 80, rows: 24 })).rejects.toMatchObject({
      code: "conflict",
    });
    const attached = events("removed");
    await expectPending(attached);
    await execs.remove(vmId, "removed");
    await expect(attached).rejects.toMatchObject({ code: "not_found" });
    expect((await execs.list(vmId)).map(({ execId }) => execId)).not.toContain("removed");
    for (const ask of [
      () => execs.get(vmId, "removed"),
      () => execs.attach(vmId, "removed", ALL),
      () => execs.signal(vmId, "removed", 15),
      () => execs.remove(vmId, "removed"),
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: "not_found" });
    }
  });
}

function testTerminals(guest: () => Guest): void {
  test("live on a terminal of a size", async () => {
    const { vmId, execs } = guest();
    await execs.start(vmId, "terminal", {
      command: ["sleep", "infinity"],
      pty: { cols: 100, rows: 30 },
    });
    await execs.resize(vmId, "terminal", { cols: 120, rows: 40 });
    expect(await execs.get(vmId, "terminal")).toMatchObject({
      pty: { cols: 100, rows: 30 },
      takesStdin: true,
    });
    await execs.remove(vmId, "terminal");
  });

  test("are listed in the order of their start", async () => {
    const { vmId, execs } = guest();
    const before = (await execs.list(vmId)).length;
    for (const name of ["first", "second"])
      await execs.start(vmId, name, { command: ["printf", "%s", name] });
    await eventually(async () => {
      const listed = (await execs.list(vmId)).slice(before);
      expect(listed.map(({ execId, end }) => [execId, end?.exitCode])).toEqual([
        ["first", 0],
        ["second", 0],
      ]);
    });
  });
}

function textOf(event: AttachEvent): AttachEvent | string {
  return "data" in event ? Buffer.from(event.data).toString() : event;
}
