import { expect, test } from "vitest";
import { dialectOf } from "./render.ts";

test.each([
  ["fastvm-sdk-js/0.1.0", "modern"],
  ["fastvm-sdk-python/0.1.0", "modern"],
  ["curl/8.0", "modern"],
  ["fastvm-flat-js/0.1.0", "legacy"],
  ["fastvm-flat-python/0.1.0", "legacy"],
  ["python-httpx/0.28.1", "unknown"],
])("%s is shown firewalls as a %s client", (agent, dialect) => {
  expect(dialectOf({ "user-agent": agent })).toBe(dialect);
});
