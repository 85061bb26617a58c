import { expect, test } from "vitest";
import { describe as progressLine } from "./transfer-progress.ts";

const MIB = 1024 * 1024;

test.each([
  [{ transferredBytes: 5 * MIB, totalBytes: 10 * MIB }, 2, "██████████░░░░░░░░░░   50 %  5.0 MiB  2.5 MiB/s"],
  [{ transferredBytes: 0, totalBytes: 10 * MIB }, 0, "░░░░░░░░░░░░░░░░░░░░    0 %  0.0 MiB"],
  [{ transferredBytes: 3 * MIB }, 1, "3.0 MiB  3.0 MiB/s"],
  [{ transferredBytes: 0, totalBytes: 0 }, 1, "0.0 MiB  0.0 MiB/s"],
])("%o after %d s is shown as %s", (progress, seconds, line) => {
  expect(progressLine(progress, seconds)).toBe(line);
});

test("a file that grew meanwhile fills the bar, and no more", () => {
  const line = progressLine({ transferredBytes: 11 * MIB, totalBytes: 10 * MIB }, 1);
  expect(line).toBe("████████████████████  100 %  11.0 MiB  11.0 MiB/s");
});
