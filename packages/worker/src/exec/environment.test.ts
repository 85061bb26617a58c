import { expect, test } from "vitest";
import { commandEnvironment } from "./environment.ts";

const NONE = { vm: {}, command: undefined, user: undefined, hasPty: false };

test("without anything given a command still has PATH, HOME, LANG and TERM", () => {
  expect(commandEnvironment(NONE)).toEqual([
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "TERM=dumb",
    "HOME=/root",
  ]);
});

test("a terminal has a type that programs can draw on", () => {
  expect(commandEnvironment({ ...NONE, hasPty: true })).toContain("TERM=xterm-256color");
});

test("the home of another user is the guest's to know", () => {
  const variables = commandEnvironment({ ...NONE, user: "www-data" });
  expect(variables.some((variable) => variable.startsWith("HOME="))).toBe(false);
});

test("every variable is passed once, the command's own over the VM's", () => {
  const variables = commandEnvironment({ ...NONE, vm: { A: "1", PATH: "/vm" }, command: { A: "2" } });
  expect(variables).toContain("A=2");
  expect(variables).toContain("PATH=/vm");
  expect(new Set(variables.map((variable) => variable.split("=")[0])).size).toBe(variables.length);
});

test.each([
  ["", "x"],
  ["A=B", "x"],
  ["A\0", "x"],
  ["A", "x\0"],
])("%j=%j is refused", (key, value) => {
  expect(() => commandEnvironment({ ...NONE, command: { [key]: value } })).toThrow("no environment variable");
});
