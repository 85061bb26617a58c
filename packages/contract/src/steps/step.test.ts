import { expect, test } from "vitest";
import { hookSteps, step } from "./step.ts";

test("a step does nothing until something listens, fails as the listener does, and does nothing again afterwards", async () => {
  await step("capture.begun");
  const seen: string[] = [];
  const unhook = hookSteps(async (name) => {
    seen.push(name);
    if (name === "capture.copied") throw new Error("no");
  });
  await step("capture.begun");
  await expect(step("capture.copied")).rejects.toThrow("no");
  unhook();
  await step("capture.copied");
  expect(seen).toEqual(["capture.begun", "capture.copied"]);
});
