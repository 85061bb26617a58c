/** A guest that sends well-formed frames of every kind to every stream, in no sensible order. */
import { expect, test } from "vitest";
import { encodeFrame } from "./frame.ts";
import type { GuestLink } from "./guest-link.ts";
import { GUEST_KINDS, Kind } from "./protocol.ts";
import { ScriptedGuest } from "./scripted-guest.ts";
import { seededRandom } from "./seeded-random.ts";

const ROUNDS = 40;
const FRAMES_PER_ROUND = 500;
/** A seed that a run has printed goes here to repeat it. */
const FUZZ_SEED: number | undefined = undefined;
const MIB = 1024 * 1024;

/** Opens one stream of each kind. What becomes of them is the guest's word; that each comes to an end is ours. */
function openOneOfEach(link: GuestLink): Promise<unknown>[] {
  const command = link.exec({ argv: ["true"], env: [], stdin: "open" });
  const reading = (async () => {
    for await (const chunk of link.readFile("/x")) if (chunk.byteLength > MIB) throw new Error("Too large");
  })();
  const commandReading = (async () => {
    for (let chunk = await command.read(); chunk !== undefined; chunk = await command.read());
  })();
  const dialing = link.dial(80).then((connection) => connection.resume().end("hello"));
  const writes = [command.write(Buffer.alloc(300_000)), link.writeFile("/x", Buffer.alloc(300_000))];
  // As handled from the first moment, so that an unhandled rejection is one of the link's own.
  return [reading, commandReading, dialing, ...writes].map((promise) =>
    promise.catch((error: unknown) => error),
  );
}

test("costs itself streams, but never the daemon", async () => {
  const random = seededRandom("hostile guest", FUZZ_SEED);
  await using guest = await ScriptedGuest.start();
  await using link = await guest.connect({ onForward: (_port, connection) => connection.resume() });
  const kinds = [...GUEST_KINDS] as Kind[];
  const outcomes: Promise<unknown>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    if (round % 2 === 0) outcomes.push(...openOneOfEach(link));
    const frames = Array.from({ length: FRAMES_PER_ROUND }, () => {
      const kind = kinds[random(kinds.length)] ?? Kind.DATA;
      const stream = random(4) === 0 ? 0x8000_0000 + random(100) : random(round * 2 + 6);
      const payload = Buffer.alloc(random(5) === 0 ? random(65_537) : random(20), random(256));
      return encodeFrame(kind, guest.session, stream, payload);
    });
    guest.raw(Buffer.concat(frames));
    await new Promise((resolve) => setImmediate(resolve));
  }
  guest.onFrame = (frame) => frame.kind === Kind.PING && guest.send(Kind.PONG, 0, frame.payload);
  expect(await link.ping()).toBeGreaterThan(0);
  link.close();
  const settled = await Promise.all(outcomes);
  expect(settled.some((outcome) => outcome instanceof Error)).toBe(true);
});
