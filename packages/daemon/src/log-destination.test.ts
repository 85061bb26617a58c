import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test } from "vitest";
import { logDestination } from "./log-destination.ts";

test("lines are there as soon as they are logged", () => {
  const folder = mkdtempSync(join(tmpdir(), "fastvm-log-"));
  const fd = openSync(join(folder, "log"), "a");
  try {
    const log = pino({ level: "info" }, logDestination(fd));
    log.info("first");
    log.debug("not asked for");
    log.error({ err: new Error("why") }, "second");
    const lines = readFileSync(join(folder, "log"), "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["first", "second"]);
    expect(JSON.parse(lines[1] ?? "").err.message).toBe("why");
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
});

test("a full disk neither stops nor ends the one who logs", () => {
  const full = openSync("/dev/full", "w");
  try {
    const log = pino({ level: "info" }, logDestination(full));
    for (let line = 0; line < 1000; line++) log.error({ line }, "lost");
  } finally {
    closeSync(full);
  }
});
