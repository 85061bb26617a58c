import { expect, test } from "vitest";
import { idle, maxLife } from "./lifecycle-policy.ts";

test.each([
  ["90m", { action: "pause", seconds: 5400 }],
  ["2h:stop", { action: "stop", seconds: 7200 }],
  ["30d:delete", { action: "delete", seconds: 2_592_000 }],
])("%s is a longest life, and a time to be idle", (text, policy) => {
  expect(maxLife(text)).toEqual(policy);
  expect(idle(text)).toEqual(policy);
});

test("a guest's work counts when that is said behind the action", () => {
  expect(idle("20m:stop:work")).toEqual({ action: "stop", seconds: 1200, guestWork: true });
});

test.each(["", "20", "20m:", "20m:kill", "20m:stop:play", "20m:stop:work:more", "0m"])(
  "%j is refused",
  (text) => {
    expect(() => idle(text)).toThrow("It must be");
    expect(() => maxLife(text)).toThrow("It must be");
  },
);

test("a longest life knows no work", () => {
  expect(() => maxLife("20m:stop:work")).toThrow("It must be");
});
