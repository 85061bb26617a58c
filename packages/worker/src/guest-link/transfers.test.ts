/** Files and connections against a guest that plays its part by hand; against the real agent they are in agent.test.ts. */
import { once } from "node:events";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { decodeFields, Tag } from "./fields.ts";
import { encodeFrame } from "./frame.ts";
import type { GuestConnection } from "./guest-connection.ts";
import type { GuestLink } from "./guest-link.ts";
import { Kind, WINDOW_BYTES } from "./protocol.ts";
import { ScriptedGuest } from "./scripted-guest.ts";
import type { HostFrame } from "./scripted-guest.ts";

const FORWARD_ID = 0x8000_0005;
const OK = Buffer.alloc(4);

function errno(number: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(number);
  return payload;
}

function dataOf(guest: ScriptedGuest): Buffer {
  return Buffer.concat(guest.of(Kind.DATA).map((frame) => frame.payload));
}

/** Waits for the first frame of a kind. */
async function first(guest: ScriptedGuest, kind: Kind): Promise<HostFrame> {
  await expect.poll(() => guest.of(kind).length).toBeGreaterThan(0);
  const [frame] = guest.of(kind);
  if (frame === undefined) throw new Error("No such frame");
  return frame;
}

/** A connection that stands, as its user has it, and the number of its stream. */
async function dialled(
  guest: ScriptedGuest,
  link: GuestLink,
): Promise<{ connection: GuestConnection; stream: number }> {
  const dialing = link.dial(80);
  const { stream } = await first(guest, Kind.OPEN_DIAL);
  guest.send(Kind.DONE, stream, OK);
  return { connection: await dialing, stream };
}

/** In one piece, so that the host finds all of it in one turn. */
function sendTogether(
  guest: ScriptedGuest,
  stream: number,
  ...frames: readonly (readonly [Kind, Uint8Array])[]
): void {
  guest.raw(
    Buffer.concat(frames.map(([kind, payload]) => encodeFrame(kind, guest.session, stream, payload))),
  );
}

/** The host has taken in all that was sent before, and whoever waited for it has gone on. */
async function settled(guest: ScriptedGuest, link: GuestLink): Promise<void> {
  guest.onFrame = (frame) => frame.kind === Kind.PING && guest.send(Kind.PONG, 0, frame.payload);
  await link.ping();
  await setImmediate();
}

/** Unlike `once`, not rejected by the error that comes first. */
async function closed(connection: GuestConnection): Promise<void> {
  if (!connection.closed) await new Promise<void>((resolve) => connection.once("close", resolve));
}

async function readAll(connection: GuestConnection): Promise<{ text: string; ended: boolean }> {
  const read = { text: "", ended: false };
  connection.on("data", (chunk: Buffer) => (read.text += chunk.toString("latin1")));
  connection.on("end", () => (read.ended = true));
  connection.resume();
  await closed(connection);
  return read;
}

describe("writing a file", () => {
  test("stops at the window until the guest gives credit, and resolves with DONE", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const writing = link.writeFile("/etc/x", Buffer.alloc(WINDOW_BYTES + 10, 1), { mode: 0o600 });
    const open = await first(guest, Kind.OPEN_WRITE);
    expect(decodeFields(open.payload).map((field) => field.tag)).toEqual([Tag.PATH, Tag.MODE]);
    await expect.poll(() => dataOf(guest).length).toBe(WINDOW_BYTES);
    await sleep(20);
    expect(dataOf(guest).length).toBe(WINDOW_BYTES);
    expect(guest.of(Kind.END)).toHaveLength(0);
    guest.send(Kind.CREDIT, open.stream, errno(10));
    await first(guest, Kind.END);
    expect(dataOf(guest).length).toBe(WINDOW_BYTES + 10);
    guest.send(Kind.DONE, open.stream, OK);
    await writing;
  });

  test("ends when the guest refuses, although the source has nothing to say yet", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield await sleep(60_000, Buffer.alloc(1), { ref: false });
    }
    const writing = link.writeFile("/x", silent());
    const open = await first(guest, Kind.OPEN_WRITE);
    guest.send(Kind.DONE, open.stream, Buffer.concat([errno(28), Buffer.from("disk")]));
    await expect(writing).rejects.toMatchObject({ code: "ENOSPC", message: "ENOSPC: disk" });
  });

  test("is reset when its signal is aborted", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const controller = new AbortController();
    const writing = link.writeFile("/x", Buffer.alloc(10), { signal: controller.signal });
    await first(guest, Kind.OPEN_WRITE);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(writing).rejects.toBe(reason);
    await first(guest, Kind.RESET);
  });
});

describe("reading a file", () => {
  test("gives credit only for what was taken, and resets when it is left early", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const chunks = link.readFile("/x");
    const next = chunks.next();
    const open = await first(guest, Kind.OPEN_READ);
    for (let index = 0; index < 8; index += 1) guest.send(Kind.DATA, open.stream, Buffer.alloc(32_768));
    await next;
    await sleep(20);
    expect(guest.of(Kind.CREDIT)).toHaveLength(0);
    await chunks.next();
    expect((await first(guest, Kind.CREDIT)).payload.readUInt32LE(0)).toBe(65_536);
    await chunks.return();
    await first(guest, Kind.RESET);
  });
});

describe("a connection into the guest", () => {
  test("stands when the guest says so, carries bytes, and is over when both have ended", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const dialing = link.dial(8080, { host: "::1" });
    const open = await first(guest, Kind.OPEN_DIAL);
    expect(open.payload.readUInt16LE(0)).toBe(8080);
    expect(open.payload.toString("utf8", 4)).toBe("::1");
    guest.send(Kind.DONE, open.stream, OK);
    const connection = await dialing;
    connection.write("to the guest");
    await expect.poll(() => dataOf(guest).toString()).toBe("to the guest");
    guest.send(Kind.DATA, open.stream, Buffer.from("to the host"));
    guest.send(Kind.END, open.stream);
    let received = "";
    connection.on("data", (chunk: Buffer) => (received += chunk.toString()));
    await once(connection, "end");
    expect(received).toBe("to the host");
    connection.end();
    await once(connection, "close");
    await first(guest, Kind.END);
    await sleep(20);
    expect(guest.of(Kind.RESET)).toHaveLength(0);
  });

  test("that the guest never answers is unresponsive at the deadline, and reset", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    await expect(link.dial(80, { deadlineMs: 30 })).rejects.toMatchObject({ code: "guest_unresponsive" });
    await first(guest, Kind.RESET);
  });

  test("that is reset in the same breath as it stands does not end the daemon", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const dialing = link.dial(80);
    const open = await first(guest, Kind.OPEN_DIAL);
    guest.send(Kind.DONE, open.stream, OK);
    guest.send(Kind.RESET, open.stream, errno(104));
    const connection = await dialing;
    await expect.poll(() => connection.destroyed).toBe(true);
    expect(connection.errored).toMatchObject({ code: "ECONNRESET" });
  });
});

describe("a connection that the guest resets", () => {
  const reset = { errored: { code: "ECONNRESET" } };

  test("has its last words read before its error, when both come in one piece", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const { connection, stream } = await dialled(guest, link);
    const reading = readAll(connection);
    sendTogether(
      guest,
      stream,
      [Kind.DATA, Buffer.from("too ")],
      [Kind.DATA, Buffer.from("large")],
      [Kind.RESET, errno(104)],
    );
    expect(await reading).toEqual({ text: "too large", ended: false });
    expect(connection).toMatchObject(reset);
  });

  test("has a window of last words kept for a reader that comes later, and takes what is written meanwhile", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const { connection, stream } = await dialled(guest, link);
    const frames = Array.from({ length: 4 }, () => [Kind.DATA, Buffer.alloc(WINDOW_BYTES / 4, "x")] as const);
    sendTogether(guest, stream, ...frames, [Kind.RESET, errno(104)]);
    await settled(guest, link);
    await new Promise((resolve) => connection.write("nobody reads this", resolve));
    expect((await readAll(connection)).text).toBe("x".repeat(WINDOW_BYTES));
    expect(connection).toMatchObject(reset);
  });

  test("has its last words kept while its reader pauses", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const { connection, stream } = await dialled(guest, link);
    guest.send(Kind.DATA, stream, Buffer.from("one "));
    await once(connection, "readable");
    sendTogether(guest, stream, [Kind.DATA, Buffer.from("two")], [Kind.RESET, errno(104)]);
    await settled(guest, link);
    expect((await readAll(connection)).text).toBe("one two");
    expect(connection).toMatchObject(reset);
  });

  test("has what its reader put back read before its error", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const { connection, stream } = await dialled(guest, link);
    guest.send(Kind.DATA, stream, Buffer.from("head"));
    const [head] = (await once(connection, "data")) as [Buffer];
    // By then it has asked for more.
    await setImmediate();
    connection.pause();
    connection.unshift(head);
    guest.send(Kind.RESET, stream, errno(104));
    await settled(guest, link);
    expect((await readAll(connection)).text).toBe("head");
    expect(connection).toMatchObject(reset);
  });

  test("behind its end has been read to the end", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const { connection, stream } = await dialled(guest, link);
    const reading = readAll(connection);
    sendTogether(
      guest,
      stream,
      [Kind.DATA, Buffer.from("whole")],
      [Kind.END, Buffer.alloc(0)],
      [Kind.RESET, errno(32)],
    );
    expect(await reading).toEqual({ text: "whole", ended: true });
    expect(connection.errored).toMatchObject({ code: "EPIPE" });
  });

  test("after its end was read is closed at once", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const { connection, stream } = await dialled(guest, link);
    const ended = once(connection.resume(), "end");
    guest.send(Kind.END, stream);
    await ended;
    guest.send(Kind.RESET, stream, errno(104));
    await closed(connection);
    expect(connection).toMatchObject(reset);
  });

  test("is closed at once by its owner, whatever is still unread", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const { connection, stream } = await dialled(guest, link);
    sendTogether(guest, stream, [Kind.DATA, Buffer.from("unread")], [Kind.RESET, errno(104)]);
    await settled(guest, link);
    expect(connection.destroyed).toBe(false);
    connection.destroy();
    await closed(connection);
    expect(connection.errored).toBe(null);
  });

  test("by losing its link has what had arrived read before the loss is told", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const { connection, stream } = await dialled(guest, link);
    guest.send(Kind.DATA, stream, Buffer.from("last words"));
    guest.hangUp();
    await link.closed;
    expect((await readAll(connection)).text).toBe("last words");
    expect(connection.errored).toMatchObject({ code: "vm_died" });
  });
});

describe("a connection out of the guest", () => {
  test("is handed over with its port", async () => {
    await using guest = await ScriptedGuest.start();
    const taken = Promise.withResolvers<{ port: number; connection: GuestConnection }>();
    await using link = await guest.connect({
      onForward: (port, connection) => taken.resolve({ port, connection }),
    });
    guest.send(Kind.OPEN_FORWARD, FORWARD_ID, Uint8Array.of(0x90, 0x1f));
    guest.send(Kind.DATA, FORWARD_ID, Buffer.from("GET /"));
    const { port, connection } = await taken.promise;
    expect(port).toBe(8080);
    const [chunk] = (await once(connection, "data")) as [Buffer];
    expect(chunk.toString()).toBe("GET /");
    connection.end("200");
    await expect.poll(() => dataOf(guest).toString()).toBe("200");
    expect(link.bootId).not.toBe("");
  });

  test("is refused beyond sixty-four, and when its number is taken or the host's", async () => {
    await using guest = await ScriptedGuest.start();
    let taken = 0;
    await using link = await guest.connect({ onForward: () => (taken += 1) });
    for (let index = 0; index < 70; index += 1) {
      guest.send(Kind.OPEN_FORWARD, 0x8000_0000 + index, Uint8Array.of(80, 0));
    }
    guest.send(Kind.OPEN_FORWARD, 0x8000_0000, Uint8Array.of(80, 0));
    guest.send(Kind.OPEN_FORWARD, 12, Uint8Array.of(80, 0));
    await expect.poll(() => guest.of(Kind.RESET).length).toBe(8);
    expect(taken).toBe(64);
    expect(link.bootId).not.toBe("");
  });
});
