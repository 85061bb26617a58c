import { open } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runTool, startCoprocess, startServing, startStepwise } from "./spawn.ts";

const KEY = "a-key-of-a-collector";

beforeEach(() => {
  vi.stubEnv("OTEL_EXPORTER_OTLP_HEADERS", `authorization=${KEY}`);
  vi.stubEnv("LC_ALL", "C.UTF-8");
});
afterEach(() => vi.unstubAllEnvs());

test.each<[string, () => Promise<string>]>([
  ["a tool", () => runTool("env", [], { timeoutMs: 10_000 })],
  ["a coprocess", () => text(startCoprocess("env", []).stdout)],
  ["what serves a connection", () => text(startServing("sh", ["-c", "env >&3"]).port)],
  [
    "what goes on in steps",
    async () => {
      await using device = await open("/dev/null");
      const held = startStepwise("sh", ["-c", "env >&2; exit 1"], { cwd: "/", fd: device.fd });
      held.ready.catch(() => undefined);
      return await held.done.then(
        () => "",
        (error: unknown) => String(error),
      );
    },
  ],
])("%s has of our environment what programs need, and no key", async (_, environmentOf) => {
  const environment = await environmentOf();
  expect(environment).toContain(`PATH=${process.env["PATH"]}`);
  expect(environment).toContain("LC_ALL=C.UTF-8");
  expect(environment).not.toContain(KEY);
});
