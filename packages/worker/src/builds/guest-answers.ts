/**
 * What the program in a builder's guest answers. A command of a build is root in there and may have changed it, so nothing is taken on its
 * word: neither how much it says, nor that it is of any form.
 */
import type { BuildSteps } from "@fastvm/contract";
import { BuildFailure } from "./build-failure.ts";

/** As the program has it, which nobody need believe: each is asked for at its registry. */
const MAX_BASES = 64;
/** Of a reference in all registries. */
const MAX_REFERENCE_CHARS = 512;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** Of a Dockerfile of 4 MiB, each of whose lines is a step. */
const MAX_STEPS = 1_000_000;
/** All names of all base images, with room for what JSON puts around them. */
export const MAX_ANSWER_CHARS = 128 * 1024;

export function basesIn(answer: string): readonly string[] {
  return stringsIn(answer, (each) => each !== "" && each.length <= MAX_REFERENCE_CHARS);
}

export function digestsIn(answer: string): readonly string[] {
  return stringsIn(answer, (each) => DIGEST.test(each));
}

export function stepsIn(answer: string): BuildSteps {
  const told = parsed(answer);
  if (typeof told !== "object" || told === null) throw senseless();
  const { ran, cached } = told as Readonly<Record<string, unknown>>;
  if (!isCount(ran) || !isCount(cached)) throw senseless();
  return { ran, cached };
}

function stringsIn(answer: string, isRight: (each: string) => boolean): readonly string[] {
  const told = parsed(answer);
  if (!Array.isArray(told) || told.length > MAX_BASES) throw senseless();
  return told.map((each: unknown) => {
    if (typeof each !== "string" || !isRight(each)) throw senseless();
    return each;
  });
}

function parsed(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch (error) {
    throw senseless(error);
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_STEPS;
}

export function senseless(cause?: unknown): BuildFailure {
  const message = "The builder says what it never says: something in the build has changed it";
  return new BuildFailure("order", message, cause === undefined ? {} : { cause });
}
