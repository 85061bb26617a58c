import { expect, test } from "vitest";
import { nearestName } from "./nearest-name.ts";

const NAMES = ["ingress", "egress", "dns", "default", "rules", "rateLimit", "ttl"];

test.each([
  ["egres", "egress"],
  ["Egress", "egress"],
  ["erges", undefined],
  ["ergess", "egress"],
  ["inggress", "ingress"],
  ["rate_limit", "rateLimit"],
  ["ratelimits", "rateLimit"],
  ["dsn", "dns"],
  ["defualt", "default"],
  ["rule", "rules"],
  ["TTL", "ttl"],
  ["ｅｇｒｅｓｓ", "egress"],
  ["e\u200bg\u200br\u200be\u200bs\u200bs", "egress"],
  ["éğŕéśś", "egress"],
  ["egress:=.", "egress"],
  ["url", undefined],
  ["", undefined],
  ["volumes", undefined],
  ["egress".repeat(1000), undefined],
])("%s is near to %s", (written, meant) => {
  expect(nearestName(written, NAMES)).toBe(meant);
});
