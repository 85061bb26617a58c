/** Turns the text of an option into its value, or says what is wrong with it. */
import { InvalidArgumentError } from "commander";

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("It must be a whole number above 0.");
  return value;
}

/** What a timer can hold; one that is set for longer fires at once. */
const MAX_TIMER_SECONDS = 2_147_483;

/** Of a pause. */
export function timerSeconds(text: string): number {
  const value = positiveInteger(text);
  if (value > MAX_TIMER_SECONDS)
    throw new InvalidArgumentError(`It must be ${MAX_TIMER_SECONDS} seconds, which are 24 days, at most.`);
  return value;
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** A century: more is a slip. */
const MAX_DURATION_MS = 100 * 365 * UNIT_MS.d;

/** `90m`, `12h`, `30d`: in milliseconds. */
export function duration(text: string): number {
  const [, digits, unit] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const value = Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS];
  if (!(value > 0 && value <= MAX_DURATION_MS))
    throw new InvalidArgumentError("It must be minutes, hours or days, such as 90m, 12h or 30d.");
  return value;
}

/** Zero is allowed: a port that the system chooses, a pool without processes. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError("It must be a whole number.");
  }
  return value;
}

/** "1.5" counts. */
export function factorFromOne(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 1) {
    throw new InvalidArgumentError("It must be a number from 1.");
  }
  return value;
}

/** Collects `KEY=VALUE` of an option that is given any number of times. */
export function keyValue(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("It must be KEY=VALUE.");
  return { ...previous, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** Collects the values of an option that is given any number of times. */
export function collect(text: string, previous: readonly string[] = []): string[] {
  return [...previous, text];
}

const MAX_PORT = 65_535;

/** 0 lets the system choose. */
export function portNumber(text: string): number {
  const value = wholeNumber(text);
  if (value > MAX_PORT) throw new InvalidArgumentError(`It must be at most ${MAX_PORT}.`);
  return value;
}
