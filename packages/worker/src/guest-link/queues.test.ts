import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FrameSource } from "./link-writer.ts";
import { Kind, WINDOW_BYTES } from "./protocol.ts";
import { ReceiveQueue } from "./receive-queue.ts";
import type { Channel } from "./receive-queue.ts";
import { SendQueue } from "./send-queue.ts";

function credit(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(bytes);
  return payload;
}

describe("the receive queue", () => {
  test("gives each channel's bytes in order, whatever is read when", () => {
    const pushes = fc.record({
      channel: fc.constantFrom<Channel>(0, 1),
      data: fc.uint8Array({ maxLength: 9000 }),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(pushes, fc.constant("take" as const)), { maxLength: 60 }), (steps) => {
        const queue = new ReceiveQueue(() => undefined);
        const sent: [Buffer[], Buffer[]] = [[], []];
        const taken: [Buffer[], Buffer[]] = [[], []];
        const takeOne = (): boolean => {
          const chunk = queue.takeNow();
          if (chunk !== undefined) taken[chunk.channel].push(Buffer.from(chunk.data));
          return chunk !== undefined;
        };
        for (const step of steps) {
          if (step === "take") takeOne();
          else if (queue.push(step.channel, step.data)) sent[step.channel].push(Buffer.from(step.data));
        }
        while (takeOne());
        for (const channel of [0, 1] as const) {
          expect(Buffer.concat(taken[channel]).equals(Buffer.concat(sent[channel]))).toBe(true);
        }
      }),
    );
  });

  test("admits exactly one window, and as much again as was given back", async () => {
    let given = 0;
    const queue = new ReceiveQueue((bytes) => (given += bytes));
    const quarter = Buffer.alloc(WINDOW_BYTES / 4);
    for (let index = 0; index < 4; index += 1) expect(queue.push(0, quarter)).toBe(true);
    expect(queue.push(0, Uint8Array.of(1))).toBe(false);
    await queue.take();
    expect(given).toBe(WINDOW_BYTES / 4);
    expect(queue.push(0, Buffer.alloc(given))).toBe(true);
    expect(queue.push(0, Uint8Array.of(1))).toBe(false);
  });

  test("a failure is told after what had arrived before it", async () => {
    const queue = new ReceiveQueue(() => undefined);
    queue.push(0, Buffer.from("before"));
    queue.fail(new Error("lost"));
    expect((await queue.take())?.data.byteLength).toBe(6);
    await expect(queue.take()).rejects.toThrow("lost");
    await expect(queue.take()).rejects.toThrow("lost");
  });
});

describe("the send queue", () => {
  test("sends what was written, in order, never beyond its credit", () => {
    const steps = fc.array(
      fc.oneof(
        fc.integer({ min: 1, max: 200_000 }),
        fc.record({ credit: fc.integer({ min: 1, max: 100_000 }) }),
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const queue = new SendQueue(1, () => undefined);
        let [written, sent, outstanding] = [0, 0, 0];
        for (const step of all) {
          if (typeof step === "number") {
            void queue.write(Buffer.alloc(step));
            written += step;
          } else if (step.credit <= outstanding) {
            expect(queue.receiveCredit(credit(step.credit))).toBe(true);
            outstanding -= step.credit;
          } else {
            expect(queue.receiveCredit(credit(step.credit))).toBe(false);
          }
          for (let frame = queue.takeFrame(); frame !== undefined; frame = queue.takeFrame()) {
            sent += frame.payload.byteLength;
            outstanding += frame.payload.byteLength;
          }
          expect(outstanding).toBeLessThanOrEqual(WINDOW_BYTES);
          expect(sent === written || outstanding === WINDOW_BYTES).toBe(true);
        }
      }),
    );
  });

  test("takes one write of any size, but not many that nobody waits for", async () => {
    const queue = new SendQueue(1, () => undefined);
    const large = Buffer.alloc(80 * 1024 * 1024);
    void queue.write(large);
    expect(queue.takeFrame()?.payload.byteLength).toBe(65_536);
    await expect(queue.write(Buffer.alloc(1))).rejects.toMatchObject({ code: "out_of_capacity" });
  });

  test("END comes once, behind all data", async () => {
    const woken: FrameSource[] = [];
    const queue = new SendQueue(1, (source) => woken.push(source));
    const write = queue.write(Buffer.from("abc"));
    const ended = queue.end();
    const data = queue.takeFrame();
    data?.onWritten?.();
    await write;
    expect(data?.kind).toBe(Kind.DATA);
    expect(queue.takeFrame()?.kind).toBe(Kind.END);
    expect(queue.takeFrame()).toBeUndefined();
    await ended;
    expect(woken.length).toBe(2);
  });

  test("who waits for a write goes on when the stream is gone", async () => {
    const queue = new SendQueue(1, () => undefined);
    const write = queue.write(Buffer.alloc(10));
    const ended = queue.end();
    queue.cancel();
    await Promise.all([write, ended, queue.write(Buffer.alloc(10))]);
    expect(queue.takeFrame()).toBeUndefined();
  });
});
