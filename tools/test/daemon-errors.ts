/**
 * What test daemons logged as errors, kept beyond their folders by e2e/harness, and what test applications did: why a VM did not start
 * or a request failed, which no user is told.
 */
import { readFileSync } from "node:fs";
import type { FailedTest } from "./failures.ts";

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const MAX_LINES = 3;
const MAX_CHARS = 1_000;

/** The failed tests, each with the first lines that are about what it names. */
export function explain(tests: readonly FailedTest[], logFile: string): readonly FailedTest[] {
  if (tests.length === 0) return tests;
  const lines = read(logFile).split("\n");
  return tests.map(({ name, message }) => {
    const ids = message.match(UUID) ?? [];
    const about = lines.filter((line) => ids.some((id) => line.includes(id))).slice(0, MAX_LINES);
    return {
      name,
      message: [message, ...about.map((line) => `      ${line.slice(0, MAX_CHARS)}`)].join("\n"),
    };
  });
}

function read(logFile: string): string {
  try {
    return readFileSync(logFile, "utf8");
  } catch {
    // No daemon has logged any.
    return "";
  }
}
