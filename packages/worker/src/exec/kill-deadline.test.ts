import { expect, test } from "vitest";
import { Kind } from "../guest-link/protocol.ts";
import { ScriptedGuest } from "../guest-link/scripted-guest.ts";
import { KillDeadline } from "./kill-deadline.ts";

const SLEEP = { argv: ["sleep", "60"], env: [] };

test("a guest that does not end a killed command loses the stream after a grace", async () => {
  await using guest = await ScriptedGuest.start();
  await using link = await guest.connect();
  const stream = link.exec(SLEEP);
  const deadline = new KillDeadline(stream, 20, 100);
  await expect(stream.read()).rejects.toMatchObject({ code: "guest_unresponsive" });
  expect(deadline.hasExpired).toBe(true);
  expect(guest.of(Kind.SIGNAL).map((frame) => frame.payload.readUInt32LE(0))).toEqual([9]);
  await expect.poll(() => guest.of(Kind.RESET).length).toBe(1);
});

test("a reader that is slow with the last output does not make the guest unresponsive", async () => {
  await using guest = await ScriptedGuest.start();
  await using link = await guest.connect();
  const stream = link.exec(SLEEP);
  const deadline = new KillDeadline(stream, undefined, 50);
  await expect.poll(() => guest.of(Kind.OPEN_EXEC).length).toBe(1);
  guest.send(Kind.DATA, stream.id, Buffer.from("the last output"));
  await expect.poll(() => stream.hasUnread).toBe(true);
  deadline.kill();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(stream.isOpen).toBe(true);
  guest.exit(stream.id, 137);
  expect((await stream.read())?.data.byteLength).toBe(15);
  expect(await stream.read()).toBeUndefined();
  expect(deadline.hasExpired).toBe(false);
});

test("a limit of a year does not fire at once", async () => {
  await using guest = await ScriptedGuest.start();
  await using link = await guest.connect();
  const stream = link.exec(SLEEP);
  const deadline = new KillDeadline(stream, 31_536_000_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(deadline.hasExpired).toBe(false);
  guest.exit(stream.id, 0);
  expect(await stream.read()).toBeUndefined();
});
