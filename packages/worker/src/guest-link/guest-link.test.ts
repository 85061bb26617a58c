import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { encodeFrame } from "./frame.ts";
import { GuestLink } from "./guest-link.ts";
import { Kind, WINDOW_BYTES } from "./protocol.ts";
import { ScriptedGuest } from "./scripted-guest.ts";

const TRUE = { argv: ["true"], env: [] };

describe("connecting", () => {
  test("greets with zeros and HELLO, and knows the guest's boot id", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    expect(link.bootId).toBe("00112233-4455-6677-8899-aabbccddeeff");
    // One that is slow to answer is greeted again.
    expect(guest.hellos).toBeGreaterThanOrEqual(1);
    expect(guest.session).not.toBe(0);
  });

  test("says HELLO again until it is answered", async () => {
    await using guest = await ScriptedGuest.start();
    guest.onHello = () => {
      if (guest.hellos === 3) guest.welcome();
    };
    await using link = await guest.connect();
    expect(link.bootId).not.toBe("");
    expect(guest.hellos).toBe(3);
  });

  test("skips whatever a guest still had to say before its WELCOME", async () => {
    await using guest = await ScriptedGuest.start();
    guest.onHello = () => {
      guest.raw(randomBytes(100_000));
      guest.raw(encodeFrame(Kind.DATA, guest.session ^ 1, 5, randomBytes(1000)));
      guest.raw(encodeFrame(Kind.DATA, guest.session, 5, randomBytes(1000)).subarray(0, 500));
      guest.welcome();
    };
    await using link = await guest.connect();
    expect(link.bootId).not.toBe("");
  });

  test("a guest that never answers is unresponsive at the deadline", async () => {
    await using guest = await ScriptedGuest.start();
    guest.onHello = () => undefined;
    await expect(guest.connect({ deadlineMs: 150 })).rejects.toMatchObject({ code: "guest_unresponsive" });
  });

  test("a WELCOME with another nonce is not taken", async () => {
    await using guest = await ScriptedGuest.start();
    guest.onHello = () => {
      guest.nonce = Buffer.alloc(16, 9);
      guest.welcome();
    };
    await expect(guest.connect({ deadlineMs: 150 })).rejects.toMatchObject({ code: "guest_unresponsive" });
  });

  test("a generation of another length is refused before anything is sent", async () => {
    await using guest = await ScriptedGuest.start();
    await expect(guest.connect({ generation: Buffer.alloc(15) })).rejects.toThrow("16 bytes");
    expect(guest.hellos).toBe(0);
  });

  test("an agent of another version is refused", async () => {
    await using guest = await ScriptedGuest.start();
    guest.onHello = () => guest.welcome(2);
    await expect(guest.connect()).rejects.toThrow("speaks version 2");
  });

  test("waits until the deadline for a socket that is not there", async () => {
    const folder = await mkdtemp(join(tmpdir(), "fastvm-link-"));
    const socketPath = join(folder, "missing.sock");
    const started = performance.now();
    await expect(
      GuestLink.connect({ socketPath, generation: Buffer.alloc(16), deadlineMs: 100 }),
    ).rejects.toMatchObject({ code: "ENOENT" });
    expect(performance.now() - started).toBeGreaterThan(50);
    await rm(folder, { recursive: true });
  });

  test("aborting ends the wait with the signal's reason", async () => {
    await using guest = await ScriptedGuest.start();
    guest.onHello = () => undefined;
    const reason = new Error("no longer wanted");
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 20);
    await expect(guest.connect({ signal: controller.signal })).rejects.toBe(reason);
  });
});

describe("a guest that breaks the protocol", () => {
  test("garbage costs the guest its link, and whoever waited gets an error", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const stream = link.exec(TRUE);
    const read = stream.read();
    guest.raw(Buffer.from("not a frame at all"));
    await expect(read).rejects.toMatchObject({ code: "guest_unresponsive" });
    expect((await link.closed).message).toContain("garbage");
    expect(() => link.exec(TRUE)).toThrow("garbage");
  });

  test("more output than it had credit for resets that stream and no other", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const flooded = link.exec(TRUE);
    const other = link.exec(TRUE);
    await expect.poll(() => guest.of(Kind.OPEN_EXEC).length).toBe(2);
    for (let sent = 0; sent <= WINDOW_BYTES; sent += 32_768) {
      guest.send(Kind.DATA, flooded.id, Buffer.alloc(32_768));
    }
    await expect.poll(() => guest.of(Kind.RESET).map((frame) => frame.stream)).toEqual([flooded.id]);
    guest.send(Kind.DATA, other.id, Buffer.from("fine"));
    expect(Buffer.from((await other.read())?.data ?? []).toString()).toBe("fine");
  });

  test("more credit than it was sent resets the stream", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const stream = link.exec(TRUE);
    await expect.poll(() => guest.of(Kind.OPEN_EXEC).length).toBe(1);
    guest.send(Kind.CREDIT, stream.id, Uint8Array.of(1, 0, 0, 0));
    await expect(stream.read()).rejects.toThrow("more credit");
  });

  test("frames cut short reset their stream", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const stream = link.exec(TRUE);
    await expect.poll(() => guest.of(Kind.OPEN_EXEC).length).toBe(1);
    guest.send(Kind.EXIT, stream.id, Buffer.alloc(3));
    await expect(stream.read()).rejects.toMatchObject({ code: "guest_unresponsive" });
  });

  test("frames for streams that nobody opened are dropped", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    guest.onFrame = (frame) => frame.kind === Kind.PING && guest.send(Kind.PONG, 0, frame.payload);
    guest.send(Kind.DATA, 77, Buffer.alloc(10));
    guest.exit(78, 0);
    guest.send(Kind.RESET, 0x8000_0001, Buffer.alloc(4));
    expect(await link.ping()).toBeGreaterThan(0);
  });

  test("a window of single bytes, never read, costs about a window of memory", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const stream = link.exec(TRUE);
    await expect.poll(() => guest.of(Kind.OPEN_EXEC).length).toBe(1);
    for (let round = 0; round < 16; round += 1) {
      const frames = Array.from({ length: 16_384 }, (_, index) =>
        encodeFrame(
          index % 2 === 0 ? Kind.DATA : Kind.DATA_ERR,
          guest.session,
          stream.id,
          Uint8Array.of(round),
        ),
      );
      guest.raw(Buffer.concat(frames));
    }
    guest.exit(stream.id, 0);
    await stream.closed;
    let chunks = 0;
    let bytes = 0;
    for (let chunk = await stream.read(); chunk !== undefined; chunk = await stream.read()) {
      chunks += 1;
      bytes += chunk.data.byteLength;
    }
    expect(bytes).toBe(WINDOW_BYTES);
    expect(chunks).toBeLessThan(1100);
  });

  test("connections that nobody takes are refused", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    guest.send(Kind.OPEN_FORWARD, 0x8000_0001, Uint8Array.of(80, 0));
    await expect.poll(() => guest.of(Kind.RESET).length).toBe(1);
    expect(link.bootId).not.toBe("");
  });
});

describe("a link that is lost", () => {
  test("every stream ends with vm_died, after what had already arrived", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    const stream = link.exec(TRUE);
    const writing = link.writeFile("/x", Buffer.alloc(1024 * 1024));
    const dialing = link.dial(80);
    await expect.poll(() => guest.of(Kind.OPEN_DIAL).length).toBe(1);
    guest.send(Kind.DATA, stream.id, Buffer.from("last words"));
    await expect.poll(() => stream.receivedBytes).toBe(10);
    guest.hangUp();
    const died = { code: "vm_died" };
    await Promise.all([
      expect(writing).rejects.toMatchObject(died),
      expect(dialing).rejects.toMatchObject(died),
      expect(link.closed).resolves.toMatchObject(died),
    ]);
    expect(Buffer.from((await stream.read())?.data ?? []).toString()).toBe("last words");
    await expect(stream.read()).rejects.toMatchObject(died);
    await expect(link.ping()).rejects.toMatchObject(died);
  });

  test("a guest that falls silent has its streams failed, and keeps its link", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect({ silenceLimitMs: 200 });
    const stream = link.exec(TRUE);
    await expect(stream.read()).rejects.toThrow("fell silent");
    expect(guest.of(Kind.PING).length).toBeGreaterThan(0);
    await expect.poll(() => guest.of(Kind.RESET).length).toBe(1);
    const next = link.exec(TRUE);
    await expect.poll(() => guest.of(Kind.OPEN_EXEC).length).toBe(2);
    guest.exit(next.id, 3);
    expect(await next.read()).toBeUndefined();
    expect(next.exit?.exitCode).toBe(3);
  });

  test("a command that says nothing for long is not taken for silence", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect({ silenceLimitMs: 100 });
    guest.onFrame = (frame) => frame.kind === Kind.PING && guest.send(Kind.PONG, 0, frame.payload);
    const stream = link.exec(TRUE);
    await sleep(400);
    guest.exit(stream.id, 0);
    expect(await stream.read()).toBeUndefined();
  });
});

test("a command overtakes bulk data that waits for the guest", async () => {
  await using guest = await ScriptedGuest.start();
  await using link = await guest.connect();
  guest.stopReading();
  const writers = Array.from({ length: 16 }, () => link.exec({ ...TRUE, stdin: "open" }));
  const writes = writers.map((stream) => stream.write(Buffer.alloc(WINDOW_BYTES)));
  await sleep(50);
  const late = link.exec(TRUE);
  guest.resumeReading();
  await Promise.all(writes);
  await expect.poll(() => guest.of(Kind.DATA).length).toBe(16 * 4);
  const position = guest.frames.findIndex((frame) => frame.stream === late.id);
  expect(position).toBeGreaterThan(0);
  expect(guest.frames.slice(position).filter((frame) => frame.kind === Kind.DATA).length).toBeGreaterThan(32);
});

describe("quiesce", () => {
  test("holds back what is asked for meanwhile, and sends it all on release", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    guest.onFrame = (frame) => frame.kind === Kind.PING && guest.send(Kind.PONG, 0, frame.payload);
    const before = link.exec({ ...TRUE, stdin: "open" });
    expect(await link.quiesce(1000)).toBe(true);
    const seen = guest.frames.length;
    const write = before.write(Buffer.alloc(100_000, 1));
    const during = link.exec(TRUE);
    guest.send(Kind.DATA, before.id, Buffer.from("still read"));
    expect((await before.read())?.data.byteLength).toBe(10);
    await sleep(30);
    expect(guest.frames.length).toBe(seen);
    link.release();
    await write;
    await expect.poll(() => guest.of(Kind.OPEN_EXEC).map((frame) => frame.stream)).toContain(during.id);
    const bytes = (): number => guest.of(Kind.DATA).reduce((sum, frame) => sum + frame.payload.length, 0);
    await expect.poll(bytes).toBe(100_000);
  });

  test("lets nothing pass the PING, neither what was just asked for nor what a full socket kept waiting", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    guest.onFrame = (frame) => frame.kind === Kind.PING && guest.send(Kind.PONG, 0, frame.payload);
    guest.stopReading();
    const writers = Array.from({ length: 8 }, () => link.exec({ ...TRUE, stdin: "open" }));
    const writes = writers.map((stream) => stream.write(Buffer.alloc(WINDOW_BYTES)));
    await sleep(50);
    const late = link.exec(TRUE);
    const quiesced = link.quiesce(2000);
    guest.resumeReading();
    expect(await quiesced).toBe(true);
    await sleep(30);
    expect(guest.frames.at(-1)?.kind).toBe(Kind.PING);
    link.release();
    await Promise.all(writes);
    const bytes = (): number => guest.of(Kind.DATA).reduce((sum, frame) => sum + frame.payload.length, 0);
    await expect.poll(bytes).toBe(8 * WINDOW_BYTES);
    await expect.poll(() => guest.of(Kind.OPEN_EXEC).map((frame) => frame.stream)).toContain(late.id);
  });

  test("says so when the guest did not take all that was sent", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    expect(await link.quiesce(30)).toBe(false);
    link.release();
    guest.onFrame = (frame) => frame.kind === Kind.PING && guest.send(Kind.PONG, 0, frame.payload);
    expect(await link.ping()).toBeGreaterThan(0);
  });

  test("requests beyond what may wait are refused, and nothing else is lost", async () => {
    await using guest = await ScriptedGuest.start();
    await using link = await guest.connect();
    guest.onFrame = (frame) => frame.kind === Kind.PING && guest.send(Kind.PONG, 0, frame.payload);
    expect(await link.quiesce(1000)).toBe(true);
    const big = { argv: ["true", "x".repeat(3 * 1024 * 1024)], env: [] };
    link.exec(big);
    link.exec(big);
    expect(() => link.exec(big)).toThrow("does not read its requests");
    link.release();
    await expect.poll(() => guest.of(Kind.OPEN_EXEC).length).toBe(2);
  });
});
