/** A guest that lies about a build. */
import { expect, test } from "vitest";
import { basesIn, digestsIn, stepsIn } from "./guest-answers.ts";
import { BuildFailure } from "./build-failure.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

test("what the program says is taken", () => {
  expect(basesIn('["debian", "localhost/app:1"]')).toEqual(["debian", "localhost/app:1"]);
  expect(digestsIn(`["${DIGEST}"]`)).toEqual([DIGEST]);
  expect(stepsIn('{"ran": 2, "cached": 0, "more": 1}')).toEqual({ ran: 2, cached: 0 });
});

test.each([
  ["no JSON", () => basesIn("[")],
  ["no list", () => basesIn("{}")],
  ["a list of anything", () => basesIn("[1]")],
  ["a name without end", () => basesIn(JSON.stringify(["a".repeat(513)]))],
  ["more names than registries are asked for", () => basesIn(JSON.stringify(Array(65).fill("a")))],
  ["a digest that leads elsewhere", () => digestsIn('["sha256:../../x"]')],
  ["nothing", () => stepsIn("null")],
  ["counts that no column takes", () => stepsIn('{"ran": 1e300, "cached": 0}')],
  ["counts that are none", () => stepsIn('{"ran": "2", "cached": -1}')],
])("%s is the order's fault, not this host's", (_what, parse) => {
  expect(parse).toThrow(BuildFailure);
  expect(parse).toThrow(/changed it/);
});
