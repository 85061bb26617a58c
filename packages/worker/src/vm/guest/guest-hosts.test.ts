import { expect, test } from "vitest";
import { withLoopbackName } from "./guest-hosts.ts";

const LINE = "127.0.0.1 fastvm.example # fastvm: staging URLs\n";

test.each([
  ["an empty file", "", LINE],
  ["a usual one", "127.0.0.1 localhost\n", `127.0.0.1 localhost\n${LINE}`],
  ["one without an end of its last line", "::1 localhost", `::1 localhost\n${LINE}`],
  [
    "one that names it elsewhere or in a comment",
    "10.0.0.1 fastvm.example\n127.0.0.1 x # fastvm.example\n",
    undefined,
  ],
])("%s gets a line for the name, once", (_, before, after) => {
  const hosts = withLoopbackName(Buffer.from(before), "fastvm.example");
  expect(hosts?.toString()).toBe(after ?? before + LINE);
  expect(withLoopbackName(hosts ?? Buffer.alloc(0), "fastvm.example")).toBeUndefined();
});

test("a line of the owner's counts", () => {
  expect(
    withLoopbackName(Buffer.from("127.0.0.1\tlocalhost FastVM.example # mine\n"), "fastvm.example"),
  ).toBeUndefined();
});

test("bytes that are no text stay as they are", () => {
  const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x0a]);
  expect(withLoopbackName(bytes, "a")?.subarray(0, 4)).toEqual(bytes);
});
