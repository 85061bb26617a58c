import { expect, test } from "vitest";
import { commandDefaults } from "./command-defaults.ts";

test("variables are taken apart at the first sign, the last of a name counts, and what is none is left out", () => {
  expect(commandDefaults({ env: ["A=1", "B=x=y\nz", "A=2", "C=", "NONE", "=x", ""], workdir: "" })).toEqual({
    env: { A: "2", B: "x=y\nz", C: "" },
  });
});

test.each([
  ["/srv/app", "/srv/app"],
  ["srv", "/srv"],
])("the working folder %s is %s", (workdir, expected) => {
  expect(commandDefaults({ env: [], workdir })).toEqual({ env: {}, workdir: expected });
});

test.each([
  [["A=\0"], ""],
  [["A\0=1"], ""],
  [[`A=${"x".repeat(131_072)}`], ""],
  [[], "/a\0b"],
  [[], `/${"x".repeat(4096)}`],
])("what no command could have is refused: %#", (env, workdir) => {
  expect(() => commandDefaults({ env, workdir })).toThrow(
    expect.objectContaining({ code: "image_invalid" }) as Error,
  );
});
