import { describe, expect, test } from "vitest";
import { errorFromWire, errorToWire } from "./error-wire.ts";
import { ERROR_CODES, FastvmError } from "./errors.ts";

/** As it is on the other side. */
function sent(error: unknown): Error {
  return errorFromWire(JSON.parse(JSON.stringify(errorToWire(error))));
}

describe("an error of the catalogue arrives as itself", () => {
  test.each(ERROR_CODES)("%s", (code) => {
    for (const error of [
      new FastvmError(code),
      new FastvmError(code, "a: detail"),
      new FastvmError(code, "detail", { field: "name", cause: new Error("below") }),
    ]) {
      const arrived = sent(error);
      expect(arrived).toBeInstanceOf(FastvmError);
      expect(arrived).toEqual(error);
      expect(arrived).toMatchObject({ code, message: error.message, field: error.field });
      expect((arrived.cause as Error | undefined)?.message).toBe((error.cause as Error | undefined)?.message);
    }
  });

  test("with the causes below it, and no more of them than anybody reads", () => {
    let error = new FastvmError("internal", "0");
    for (let depth = 1; depth < 20; depth++) error = new FastvmError("vm_died", `${depth}`, { cause: error });
    const depths: string[] = [];
    for (let at: unknown = sent(error); at instanceof FastvmError; at = at.cause)
      depths.push(at.detail ?? "");
    expect(depths).toEqual(["19", "18", "17", "16", "15", "14", "13", "12", "11"]);
  });
});

test("what is not of the catalogue stays so: no caller is told of it as of an answer", () => {
  for (const error of [new TypeError("no such property"), "thrown text", undefined]) {
    const arrived = sent(error);
    expect(arrived).toBeInstanceOf(Error);
    expect(arrived).not.toBeInstanceOf(FastvmError);
    expect(arrived.message).toBe(error instanceof Error ? error.message : String(error));
  }
});

test("a code of a newer side is kept as text", () => {
  const arrived = errorFromWire({ code: "moon_is_full", detail: "come again" });
  expect(arrived).not.toBeInstanceOf(FastvmError);
  expect(arrived.message).toBe("moon_is_full: come again");
});

test.each([null, 7, "text", [], { code: 3, detail: {} }, { code: "toString" }, { cause: { cause: null } }])(
  "whatever comes is an error: %j",
  (wire) => {
    expect(errorFromWire(wire)).toBeInstanceOf(Error);
    expect(errorFromWire(wire)).not.toBeInstanceOf(FastvmError);
  },
);

test("neither side makes the other hold what is without end", () => {
  const long = "x".repeat(1_000_000);
  expect(JSON.stringify(errorToWire(new FastvmError("internal", long))).length).toBeLessThan(20_000);
  expect(errorFromWire({ code: "internal", detail: long }).message.length).toBeLessThan(20_000);
  let nested: object = {};
  for (let depth = 0; depth < 10_000; depth++) nested = { cause: nested };
  expect(errorFromWire(nested)).toBeInstanceOf(Error);
});
