import { constants } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentProcess } from "./agent-process.ts";
import { encodeFields, Tag } from "./fields.ts";
import type { GuestLink } from "./guest-link.ts";
import { jobRequests, jobStates } from "./job-requests.ts";
import type { JobView } from "./job-stream.ts";
import { Kind } from "./protocol.ts";
import { ScriptedGuest } from "./scripted-guest.ts";

const KIB = 1024;
const ENV = ["PATH=/usr/bin:/bin"];
const LINES = 100_000;

async function eventsOf(view: JobView) {
  const events: unknown[] = [];
  for (let event = await view.read(); event !== undefined; event = await view.read())
    events.push("data" in event ? { ...event, data: Buffer.from(event.data).toString() } : event);
  return events;
}

describe("a real agent", () => {
  let agent: AgentProcess;
  let link: GuestLink;

  beforeAll(async () => {
    agent = await AgentProcess.start();
    link = await agent.connect();
  }, 180_000);

  afterAll(async () => {
    link?.close();
    await agent?.[Symbol.asyncDispose]();
  });

  const start = (id: string, script: string, more = {}) =>
    link.askJobs(jobRequests.start(id, { argv: ["/bin/sh", "-c", script], env: ENV, ...more }));

  test("tells what it was asked for and how it ended", async () => {
    await start("told", "echo out; exit 3", { cwd: "/", pty: { rows: 30, cols: 100 } });
    await eventsOf(await link.attachJob(jobRequests.attach("told", 0, true)));
    const [state] = jobStates(await link.askJobs(jobRequests.list("told")));
    expect(state).toMatchObject({
      execId: "told",
      command: ["/bin/sh", "-c", "echo out; exit 3"],
      isCut: false,
      cwd: "/",
      pty: { rows: 30, cols: 100 },
      takesStdin: false,
      end: { exitCode: 3, timedOut: false },
      output: { firstOffset: 0, endOffset: 5, restoredOffset: 0 },
      restores: 0,
    });
    expect(Math.abs((state?.startedAtMs ?? 0) - Date.now())).toBeLessThan(600_000);
  });

  test("takes input of more than a window, and says when the command has it", async () => {
    await start("input", "wc -c", { stdin: "open" });
    await link.askJobs(jobRequests.input("input", true), { input: new Uint8Array(1_000_000) });
    const events = await eventsOf(await link.attachJob(jobRequests.attach("input", 0, true)));
    expect(events).toContainEqual({ kind: "stdout", data: "1000000\n" });
  });

  test("tells a reader who is overtaken where it goes on, and nothing is counted twice", async () => {
    await start("fast", `read go; seq 1 ${LINES}`, { stdin: "open", keepBytes: 64 * KIB });
    const view = await link.attachJob(jobRequests.attach("fast", 0, true));
    await link.askJobs(jobRequests.input("fast", false), { input: Buffer.from("go\n") });
    await eventsOf(await link.attachJob(jobRequests.attach("fast", Number.MAX_SAFE_INTEGER, true)));
    const everything = Array.from({ length: LINES }, (_, index) => `${index + 1}\n`).join("");
    let [offset, places] = [0, 0];
    for (let event = await view.read(); event !== undefined; event = await view.read()) {
      if (event.kind === "at") {
        expect(event.offset).toBeGreaterThanOrEqual(offset);
        [offset, places] = [event.offset, places + 1];
      } else if (event.kind === "stdout") {
        const text = Buffer.from(event.data).toString();
        expect(everything.startsWith(text, offset)).toBe(true);
        offset += text.length;
      }
    }
    expect([offset, places > 1]).toEqual([everything.length, true]);
  });

  test("refuses with its system's reason", async () => {
    await expect(link.askJobs(jobRequests.signal("nobody", 15))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(link.attachJob(jobRequests.attach("nobody", 0, true))).rejects.toMatchObject({
      errno: constants.errno.ENOENT,
    });
  });
});

test("an agent of before is not asked what it would take for garbage", async () => {
  await using guest = await ScriptedGuest.start();
  guest.onHello = () => guest.welcome(1, 0);
  await using link = await guest.connect();
  const refusal = { code: "vm_wrong_state" };
  await expect(link.askJobs(jobRequests.list())).rejects.toMatchObject(refusal);
  await expect(link.attachJob(jobRequests.attach("x", 0, true))).rejects.toMatchObject(refusal);
  await expect(link.verb({ verb: 1, path: "/" }).next()).rejects.toMatchObject(refusal);
  expect(guest.of(Kind.OPEN_JOB)).toEqual([]);
  await expect(link.identify([], { ownInterface: true })).rejects.toMatchObject(refusal);
  expect(guest.of(Kind.IDENTITY)).toEqual([]);
});

describe("a hostile guest", () => {
  async function attached(guest: ScriptedGuest, link: GuestLink) {
    const attaching = link.attachJob(jobRequests.attach("x", 0, true));
    await expect.poll(() => guest.of(Kind.OPEN_JOB)).toHaveLength(1);
    const stream = guest.of(Kind.OPEN_JOB)[0]?.stream ?? 0;
    guest.send(Kind.AT, stream, place(0));
    return { view: await attaching, stream };
  }

  test.each([
    ["a place that is cut short", Kind.AT, Buffer.alloc(4)],
    ["an exit that is cut short", Kind.EXIT, Buffer.alloc(4)],
    ["what is no answer to a reader", Kind.CREDIT, Buffer.alloc(4)],
  ] as const)("that sends %s loses the stream", async (_what, kind, payload) => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const { view, stream } = await attached(guest, link);
    const reading = eventsOf(view);
    reading.catch(() => undefined);
    guest.send(kind, stream, payload);
    await expect(reading).rejects.toMatchObject({ code: "guest_unresponsive" });
  });

  test("that tells of ever more places than there is output for loses the stream", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const { view, stream } = await attached(guest, link);
    for (let offset = 1; offset < 1100; offset += 1) {
      guest.send(Kind.DATA, stream, Buffer.from("x"));
      guest.send(Kind.AT, stream, place(offset));
    }
    await expect.poll(() => view.isOpen).toBe(false);
    await expect(eventsOf(view)).rejects.toMatchObject({ code: "guest_unresponsive" });
  });

  test.each([
    ["no fields", Buffer.from([80, 0, 0, 0, 255, 0, 0, 0])],
    ["a job without a pid", encodeFields([{ tag: Tag.JOB_INFO, value: [] }])],
  ])("that answers with %s is not believed", async (_what, answer) => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const asked = link.askJobs(jobRequests.list()).then(jobStates);
    asked.catch(() => undefined);
    await expect.poll(() => guest.of(Kind.OPEN_JOB)).toHaveLength(1);
    const stream = guest.of(Kind.OPEN_JOB)[0]?.stream ?? 0;
    guest.send(Kind.DATA, stream, answer);
    guest.send(Kind.DONE, stream, Buffer.alloc(4));
    await expect(asked).rejects.toMatchObject({ code: "guest_unresponsive" });
  });

  test("that answers more than there can be loses the stream", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const asked = link.askJobs(jobRequests.list());
    asked.catch(() => undefined);
    await expect.poll(() => guest.of(Kind.OPEN_JOB)).toHaveLength(1);
    const stream = guest.of(Kind.OPEN_JOB)[0]?.stream ?? 0;
    for (let sent = 0; sent <= 2 * KIB * KIB; sent += 64 * KIB)
      guest.send(Kind.DATA, stream, Buffer.alloc(64 * KIB));
    await expect(asked).rejects.toMatchObject({ code: "guest_unresponsive" });
  });
});

function place(offset: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64LE(BigInt(offset));
  return payload;
}
