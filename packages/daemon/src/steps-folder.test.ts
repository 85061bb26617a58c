import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { step } from "@fastvm/contract";
import { expect, test } from "vitest";
import { ORDER_FILE, PASSED_FILE, REACHED_FILE, RELEASED_FILE, obeySteps } from "./steps-folder.ts";

test("one call stands still at its step, and the folder says at which, while others pass theirs", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fastvm-steps-"));
  // Other files share this process.
  const disobey = obeySteps(folder);
  try {
    writeFileSync(
      join(folder, ORDER_FILE),
      JSON.stringify({ step: "capture.copied", after: 1, effect: "stall" }),
    );
    await step("capture.copied");
    let isThrough = false;
    const second = step("capture.copied").then(() => (isThrough = true));
    await step("slot.ready");
    expect(readFileSync(join(folder, REACHED_FILE), "utf8")).toBe("capture.copied");
    expect(existsSync(join(folder, ORDER_FILE))).toBe(false);
    expect(isThrough).toBe(false);
    writeFileSync(join(folder, RELEASED_FILE), "");
    await second;
    const passed = readFileSync(join(folder, PASSED_FILE), "utf8");
    expect(passed).toBe("capture.copied\ncapture.copied\nslot.ready\n");
  } finally {
    disobey();
    rmSync(folder, { recursive: true });
  }
});
