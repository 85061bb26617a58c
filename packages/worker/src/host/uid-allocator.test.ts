import { describe, expect, test } from "vitest";
import { UidAllocator } from "./uid-allocator.ts";

describe("user ids", () => {
  test("are never given twice at a time, and skip those of adopted VMs", () => {
    const uids = new UidAllocator(1000);
    uids.reserve(1001);
    expect([uids.take(), uids.take(), uids.take()]).toEqual([1000, 1002, 1003]);
  });

  test("rest before they are used again", () => {
    const uids = new UidAllocator(1000);
    const first = uids.take();
    uids.release(first);
    expect(uids.take()).not.toBe(first);
  });

  test("run out with a clear error, and come back", () => {
    const uids = new UidAllocator(0);
    for (let taken = 0; taken < 65_536; taken++) uids.take();
    expect(() => uids.take()).toThrow("No user id");
    uids.release(77);
    expect(uids.take()).toBe(77);
  });
});
