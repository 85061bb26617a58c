import { expect, it } from "vitest";
import { formatPorts, parsePorts } from "./port-range.ts";

it.each([
  ["1", "1"],
  ["65535", "65535"],
  ["80-90", "80-90"],
  ["1-65535", "1-65535"],
  ["443-443", "443"],
  ["00080", "80"],
])("%s are ports", (text, expected) => {
  const range = parsePorts(text);
  expect(range === undefined || range === "any" ? range : formatPorts(range)).toBe(expected);
});

it("any is any", () => {
  expect(parsePorts("any")).toBe("any");
});

it.each(["", "0", "65536", "90-80", "80-", "-80", "80,81", "80 accept", "0x50", "ANY", "80\n"])(
  "%j are none",
  (text) => {
    expect(parsePorts(text)).toBeUndefined();
  },
);
